#pragma once

#include <span>

#include "reactor/callback.h"
#include "reactor/datagram.h"

namespace sluice::broadcast {

/// Hears what is sent to everybody at a port, beside any other receiver that does so too. Unicast
/// to the port arrives as well, at the one that has bound it last.
class Receiver final : private DatagramHandler {
 public:
  /// Called for each; `received` is gone when it returns. The callback may call close().
  using Heard = Function<void(const Received& received)>;

  Receiver(Reactor& reactor, Heard heard) : heard_(std::move(heard)), socket_(reactor, *this) {}

  /// `address` is that of all interfaces (`:5008`), a broadcast address, or one of ours, which then
  /// hears no broadcast (ip(7)).
  Result<void> open(const Address& address) {
    return socket_.open(address, {.destination = true, .count_drops = true, .share_address = true});
  }
  void close() { socket_.close(); }

  const Address& address() const { return socket_.address(); }
  /// What the kernel has dropped because it was not read in time.
  std::uint64_t dropped() { return socket_.dropped(); }

 private:
  void on_datagrams(Datagram& socket, std::span<const Received> batch) noexcept override {
    for (const Received& received : batch) {
      if (!socket.is_open()) return;
      heard_(received);
    }
  }

  Heard heard_;
  Datagram socket_;
};

}  // namespace sluice::broadcast
