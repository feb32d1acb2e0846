#pragma once

#include <criterion/criterion.h>
#include <fcntl.h>

#include <concepts>
#include <utility>

#include "reactor/socket.h"

/// What `result` holds; an error fails the test.
template <class T>
T must(sluice::Result<T> result) {
  cr_assert(result.has_value(), "%s", result ? "" : result.error().message().c_str());
  if constexpr (!std::same_as<T, void>) return *std::move(result);
}

/// The error's number; 0 for success.
template <class T>
int code_of(const sluice::Result<T>& result) {
  return result ? 0 : result.error().code;
}

inline bool is_nonblocking(int fd) {
  return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

/// On 127.0.0.1, at a free port.
inline sluice::Socket listening() {
  sluice::Socket socket = must(sluice::Socket::tcp());
  must(socket.bind(sluice::Address::loopback_v4(0)));
  must(socket.listen());
  return socket;
}

/// Two ends of one TCP connection, both of them blocking.
struct SocketPair {
  sluice::Socket client = must(sluice::Socket::tcp());
  sluice::Socket server;
  SocketPair() {
    sluice::Socket listener = listening();
    must(client.connect(must(listener.getsockname())));
    server = must(listener.accept()).first;
  }
};
