#include "protocols/video/datagram_receiver.h"

#include "reactor/multicast.h"
#include "reactor/text.h"

namespace sluice::video {
namespace {

/// Bytes that may wait while the loop does other things: four frames of the UDP format.
constexpr std::size_t kReceiveBuffer = 4 << 20;

}  // namespace

DatagramReceiver::DatagramReceiver(Reactor& reactor, const Address& at, std::string interface,
                                   std::size_t max_bytes)
    : reactor_(&reactor),
      at_(at),
      interface_(std::move(interface)),
      max_bytes_(max_bytes),
      socket_(reactor, *this) {}

Started DatagramReceiver::start(FrameSink& sink) {
  sink_ = &sink;
  const bool group = at_.is_multicast();
  auto opened = socket_.open(
      at_, {.max_bytes = max_bytes_, .share_address = group, .receive_buffer = kReceiveBuffer});
  if (!opened) return std::unexpected(opened.error().message(at_.to_string()));
  if (!group) return {};
  auto joined = join();
  if (!joined) socket_.close();
  return joined;
}

Started DatagramReceiver::join() {
  const auto all = interfaces();
  if (!all) return std::unexpected(all.error().message());
  unsigned only = 0;
  if (!interface_.empty()) {
    const auto found = find_interface(interface_);
    if (!found) return std::unexpected(concat("there is no network interface ", interface_));
    only = found->index;
  }
  (void)only_joined_groups(socket_.fd(), at_.family());
  bool joined = false;
  Error error{ENODEV, "join"};
  for (const Interface& interface : *all) {
    const bool wanted = only != 0 ? interface.index == only
                                  : interface.up && (interface.multicast || interface.loopback);
    if (!wanted) continue;
    if (auto done = join_group(socket_.fd(), at_, interface.index)) {
      joined = true;
    } else {
      error = done.error();
    }
  }
  if (!joined) return std::unexpected(error.message(at_.to_string()));
  return {};
}

void DatagramReceiver::on_datagrams(Datagram&, std::span<const Received> batch) noexcept {
  for (const Received& one : batch) {
    ++counters_.datagrams;
    counters_.bytes += one.bytes.size();
    take(one);
  }
}

void DatagramReceiver::deliver(Frame frame) {
  frame.number = ++counters_.frames;
  frame.captured = reactor_->now();
  sink_->on_frame(frame);
}

}  // namespace sluice::video
