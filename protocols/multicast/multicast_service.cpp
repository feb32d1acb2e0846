#include "protocols/multicast/multicast_service.h"

#include <algorithm>
#include <utility>

#include "reactor/log.h"
#include "reactor/text.h"

namespace sluice::multicast {

MulticastService::MulticastService(Reactor& reactor, Options options)
    : reactor_(&reactor),
      options_(std::move(options)),
      receiver_(reactor, options_.receiver,
                [this](Receiver::Group&, std::span<const Received> batch) { arrived(batch); }) {}

MulticastService::~MulticastService() = default;

Started MulticastService::start() {
  for (const GroupSpec& spec : options_.receiver.groups) {
    const std::string word = contradiction(spec);
    if (!word.empty()) log(LogLevel::warning, name(), word);
  }
  if (auto made = make_sinks(); !made) return made;
  auto started = receiver_.start();
  if (started || !options_.may_fail) return started;
  log(LogLevel::warning, name(), started.error(), ": nothing will come");
  return {};
}

Started MulticastService::make_sinks() {
  if (!options_.file.empty()) {
    auto file = FileSink::open(options_.file);
    if (!file) return std::unexpected(std::move(file.error()));
    sinks_.push_back(std::move(*file));
  }
  if (!options_.program.empty()) {
    auto program = std::make_unique<ProgramSink>(*reactor_, options_.program, options_.framing);
    if (auto started = program->start(); !started) return started;
    program->on_finished([this] {
      if (on_finished_ && finished()) on_finished_();
    });
    sinks_.push_back(std::move(program));
  }
  if (options_.say) sinks_.push_back(std::make_unique<CallSink>(std::move(options_.say)));
  if (sinks_.empty()) sinks_.push_back(std::make_unique<LogSink>(*reactor_));
  return {};
}

std::string MulticastService::address() const {
  std::string all;
  for (const auto& group : receiver_.groups()) {
    all += concat(all.empty() ? "" : ",", group->spec().group);
  }
  return all;
}

void MulticastService::arrived(std::span<const Received> batch) {
  for (const Received& one : batch) counters_.bytes_in += one.bytes.size();
  for (const auto& sink : sinks_) sink->take(batch);
}

void MulticastService::stop() {
  if (std::exchange(stopped_, true)) return;
  receiver_.stop();
  for (const auto& group : receiver_.groups()) {
    const Traffic& traffic = group->statistics().all();
    log(LogLevel::info, name(), group->name(), ": ", traffic.datagrams, " datagrams, ",
        traffic.bytes, " bytes, ", group->dropped(), " dropped here");
  }
}

void MulticastService::drain() {
  stop();
  for (const auto& sink : sinks_) sink->finish();
}

void MulticastService::abort() {
  stop();
  for (const auto& sink : sinks_) sink->abort();
}

bool MulticastService::finished() const {
  return stopped_ && std::ranges::all_of(sinks_, [](const auto& sink) { return sink->finished(); });
}

}  // namespace sluice::multicast
