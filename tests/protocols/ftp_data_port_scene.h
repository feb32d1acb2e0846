#pragma once

#include <criterion/criterion.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "protocols/ftp/data_port.h"
#include "reactor/log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/no_descriptors.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace sluice::ftp;
using namespace std::chrono_literals;

inline Address at(const std::string& text) {
  auto address = Address::parse(text);
  cr_assert(address, "%s", text.c_str());
  return *address;
}

/// A data port of a session whose client is at 127.0.0.1.
struct Scene {
  explicit Scene(SelectorKind kind = SelectorKind::epoll,
                 const Address& local = Address::loopback_v4(21),
                 const Address& peer = Address::loopback_v4(4444))
      : reactor({.selector = kind, .clock = &clock}) {
    set_log_level(LogLevel::error);
    port = std::make_unique<DataPort>(reactor, local, peer);
  }

  Address listen(PortRange range = {}) {
    auto address = port->listen(range);
    cr_assert(address, "%s", address.error().message().c_str());
    return *address;
  }
  std::optional<Fd> connect(Duration patience = 30s) {
    return port->connect(patience, [this](Result<Fd> result) {
      ++calls;
      got = std::move(result);
    });
  }
  bool wait() {
    return run_until(reactor, [&] { return got.has_value(); });
  }

  FakeClock clock;
  Reactor reactor;
  std::unique_ptr<DataPort> port;
  std::optional<Result<Fd>> got;
  int calls = 0;
};

/// A client's call, from its own address or from another.
inline Fd call(const Address& address, const Address& from = Address::loopback_v4(0)) {
  auto socket = tcp_start_connect(address, from);
  cr_assert(socket, "%s", socket.error().message().c_str());
  cr_assert(wait_for(socket->get(), POLLOUT));
  return std::move(*socket);
}

inline bool refused(const Address& address) {
  auto socket = tcp_start_connect(address);
  return !socket || !wait_for(socket->get(), POLLOUT) || !connect_result(socket->get());
}

inline bool are_one_connection(const Fd& ours, const Fd& theirs) {
  send_text(theirs.get(), "x");
  std::string text;
  return wait_for(ours.get(), POLLIN) && read_some(ours.get(), text) == Tail::more && text == "x";
}

inline Address local_of(const Fd& socket) {
  auto address = Address::local_of(socket.get());
  cr_assert(address);
  return *address;
}

/// A port that is ours for as long as this lives: others get it only by name and with SO_REUSEADDR.
inline Fd hold_port() {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  cr_assert(socket);
  set_int(socket.get(), SO_REUSEADDR, 1);
  const Address any = Address::loopback_v4(0);
  cr_assert(::bind(socket.get(), any.data(), any.size()) == 0);
  return socket;
}

inline Fd listen_somewhere() {
  auto socket = tcp_listen(Address::loopback_v4(0));
  cr_assert(socket);
  return std::move(*socket);
}

/// A range of which all ports but one are in use.
struct Neighbours {
  static constexpr std::uint16_t kCount = 30;

  Neighbours() {
    do {
      first =
          static_cast<std::uint16_t>(20'000 + random() % 10'000);  // where no client's port lies
    } while (!take());
    last = static_cast<std::uint16_t>(first + kCount - 1);
  }
  bool take() {
    taken.clear();
    free = static_cast<std::uint16_t>(first + random() % kCount);
    for (std::uint16_t i = 0; i < kCount; ++i) {
      const auto port = static_cast<std::uint16_t>(first + i);
      if (port == free) continue;
      auto socket = tcp_listen(Address::loopback_v4(port));
      if (!socket) return false;
      taken.push_back(std::move(*socket));
    }
    return static_cast<bool>(tcp_listen(Address::loopback_v4(free)));
  }

  std::random_device random;
  std::vector<Fd> taken;
  std::uint16_t first = 0, last = 0, free = 0;
};

inline Fd accept_from(const Fd& listener) {
  cr_assert(wait_for(listener.get(), POLLIN));
  return Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}
