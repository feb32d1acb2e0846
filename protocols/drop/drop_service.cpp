#include "protocols/drop/drop_service.h"

#include <algorithm>

#include "protocols/drop/drop_session.h"
#include "protocols/files/new_file.h"

namespace sluice::drop {
namespace {

/// An upload that has had nothing for so long gives way to a new connection with the same one.
constexpr auto kSilent = std::chrono::seconds(10);

}  // namespace

DropService::DropService(Reactor& reactor, Options options)
    : TcpService(reactor, {.address = options.address, .serve_clients = options.serve_clients}),
      options_(std::move(options)) {}

Started DropService::start() {
  auto directory = files::Directory::open(options_.directory);
  if (!directory) return std::unexpected(directory.error().message(options_.directory));
  if (auto writable = directory->check_writable(); !writable) {
    return std::unexpected(
        concat("directory ", options_.directory, " is not writable: ", writable.error().message()));
  }
  directory_ = std::move(*directory);
  auto cleaned = files::clean_stale(*directory_, options_.keep_partials);
  if (cleaned && *cleaned != 0) {
    sluice::log(LogLevel::info, name(), "removed ", *cleaned, " unfinished files of earlier runs");
  }
  return TcpService::start();
}

void DropService::drain() {
  draining_ = true;
  TcpService::drain();
}

unsigned DropService::reserve_number() {
  const auto taken = [&](unsigned number) {
    return numbers_.contains(number) || directory_->exists(raw_name(number));
  };
  unsigned number = 0;
  while (number < kLowNumbers && taken(number)) ++number;
  if (number == kLowNumbers) {
    while (taken(beyond_)) ++beyond_;
    number = beyond_;
  }
  numbers_.insert(number);
  return number;
}

void DropService::release_number(unsigned number) {
  numbers_.erase(number);
  if (number >= kLowNumbers) beyond_ = std::min(beyond_, number);
}

bool DropService::claim(const UploadId& id, DropSession& session) {
  const auto found = uploads_.find(id);
  if (found != uploads_.end()) {
    DropSession* other = found->second;
    if (reactor().now() - other->last_data() < kSilent) return false;
    other->give_way();
  }
  uploads_[id] = &session;
  return true;
}

std::unique_ptr<Session> DropService::make_session(Fd socket, const Address& peer) {
  return std::make_unique<DropSession>(*this, std::move(socket), peer);
}

std::string raw_name(unsigned number) {
  return concat("output_", number, ".txt");
}

}  // namespace sluice::drop
