#include "tools/video/incoming.h"

#include <utility>

#include "reactor/text.h"

namespace sluice::tools {

VideoOutcome<Incoming::Plan> Incoming::plan(const Arguments& arguments) {
  const int given = arguments.has("--tcp") + arguments.has("--udp") + arguments.has("--rtp");
  if (given != 1) {
    return std::unexpected(
        VideoFailure{"one of --tcp, --udp and --rtp says from where", kWrongUsage});
  }
  if (arguments.has("--tcp")) {
    auto addresses = peer_option(arguments, "--tcp");
    if (!addresses) return std::unexpected(std::move(addresses.error()));
    return Plan{Kind::tcp, std::move(*addresses)};
  }
  const bool udp = arguments.has("--udp");
  auto address = listen_option(arguments, udp ? "--udp" : "--rtp");
  if (!address) return std::unexpected(std::move(address.error()));
  return Plan{udp ? Kind::udp : Kind::rtp, {std::move(**address)}};
}

Incoming::Incoming(Reactor& reactor, Plan plan, video::FrameSink& sink)
    : reactor_(&reactor), plan_(std::move(plan)), sink_(&sink) {}

Incoming::~Incoming() = default;

std::unique_ptr<video::Receiver> Incoming::make(const Address& address) const {
  switch (plan_.kind) {
    case Kind::tcp:
      return video::make_tcp_receiver(*reactor_, address);
    case Kind::udp:
      return video::make_udp_receiver(*reactor_, address);
    case Kind::rtp:
      break;
  }
  return video::make_rtp_receiver(*reactor_, address);
}

/// Starts the receiver of the next address. False when none can be, for the reason in failure_.
bool Incoming::next() {
  while (tried_ < plan_.addresses.size()) {
    receiver_ = make(plan_.addresses[tried_++]);
    if (auto started = receiver_->start(*this); started) {
      receiver_->want(true);
      return true;
    } else {
      failure_ = {std::move(started.error()), plan_.kind == Kind::tcp ? kNetwork : kFailed};
    }
  }
  return false;
}

VideoOutcome<void> Incoming::start() {
  if (!next()) return std::unexpected(failure_);
  return {};
}

std::string Incoming::listening() const {
  if (plan_.kind == Kind::tcp) return {};
  return concat(plan_.kind == Kind::udp ? "udp" : "rtp", " listening on ", receiver_->address());
}

video::ReceiverCounters Incoming::counters() const {
  return receiver_ ? receiver_->counters() : video::ReceiverCounters{};
}

void Incoming::on_frame(const video::Frame& frame) noexcept {
  sink_->on_frame(frame);
}

void Incoming::on_end(std::string_view trouble) noexcept {
  failure_ = {std::string(trouble), kFailed};
  if (!trouble.empty() && receiver_->counters().bytes == 0) {
    failure_.exit = kNetwork;
    reactor_->retire(std::move(receiver_));
    if (next()) return;
  }
  ended_ = true;
  sink_->on_end(failure_.text);
  reactor_->stop();
}

}  // namespace sluice::tools
