#pragma once

#include <criterion/criterion.h>
#include <poll.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <string_view>

#include "reactor/address.h"
#include "reactor/fd.h"

/// The other end of a datagram socket: bare calls, which block for at most ten seconds.
class UdpPeer {
 public:
  /// Hears only `peer` and sends there, when one is given.
  explicit UdpPeer(std::optional<sluice::Address> peer = {},
                   const sluice::Address& at = sluice::Address::loopback_v4(0))
      : socket_(::socket(at.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    cr_assert(::bind(socket_.get(), at.data(), at.size()) == 0);
    if (peer) cr_assert(::connect(socket_.get(), peer->data(), peer->size()) == 0);
  }

  int fd() const { return socket_.get(); }
  sluice::Address address() const { return *sluice::Address::local_of(socket_.get()); }
  void close() { socket_.reset(); }

  void send(std::string_view text) const {
    cr_assert(::send(fd(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }
  void send(std::string_view text, const sluice::Address& to) const {
    cr_assert(::sendto(fd(), text.data(), text.size(), 0, to.data(), to.size()) ==
              static_cast<ssize_t>(text.size()));
  }

  /// The next datagram; "(none)" when ten seconds brought none.
  std::string receive() {
    pollfd waiting{fd(), POLLIN, 0};
    if (poll(&waiting, 1, 10'000) != 1) return "(none)";
    std::string text(65'536, '\0');
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t got =
        ::recvfrom(fd(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) return "(error)";
    from_ = sluice::Address::from_sockaddr(reinterpret_cast<sockaddr*>(&from), size);
    text.resize(static_cast<std::size_t>(got));
    return text;
  }
  /// Who sent what was received last.
  const sluice::Address& from() const { return from_; }

  /// Nothing is there now.
  bool is_silent() const {
    pollfd waiting{fd(), POLLIN, 0};
    return poll(&waiting, 1, 0) == 0;
  }

 private:
  sluice::Fd socket_;
  sluice::Address from_;
};
