#pragma once

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>

#include "reactor/address.h"
#include "reactor/fd.h"
#include "reactor/tcp.h"

/// Two ends of one connection, both non-blocking.
struct Pair {
  sluice::Fd ours;
  sluice::Fd theirs;
};

/// Sizes of the kernel's buffers, in bytes; 0 leaves what the system gives.
struct PairOptions {
  int our_send_buffer = 0;
  int their_receive_buffer = 0;
  int our_receive_buffer = 0;
};

inline void set_int(int fd, int name, int value) {
  cr_assert(setsockopt(fd, SOL_SOCKET, name, &value, sizeof value) == 0);
}

/// Over TCP on 127.0.0.1.
inline Pair tcp_pair(PairOptions options = {}) {
  auto listener = sluice::tcp_listen(sluice::Address::loopback_v4(0));
  cr_assert(listener);
  if (options.our_receive_buffer != 0) {
    set_int(listener->get(), SO_RCVBUF, options.our_receive_buffer);
  }
  Pair pair;
  pair.theirs.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (options.their_receive_buffer != 0) {  // before connecting, or the window is agreed already
    set_int(pair.theirs.get(), SO_RCVBUF, options.their_receive_buffer);
  }
  const auto address = sluice::Address::local_of(listener->get());
  cr_assert(connect(pair.theirs.get(), address->data(), address->size()) == 0);
  pollfd waiting{listener->get(), POLLIN, 0};
  cr_assert(poll(&waiting, 1, 10'000) == 1);
  pair.ours.reset(accept4(listener->get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  cr_assert(pair.ours);
  if (options.our_send_buffer != 0) {
    set_int(pair.ours.get(), SO_SNDBUF, options.our_send_buffer);
  }
  cr_assert(sluice::set_nonblocking(pair.theirs.get()));
  return pair;
}

/// A Unix socketpair.
inline Pair unix_pair() {
  int ends[2];
  cr_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  return {sluice::Fd(ends[0]), sluice::Fd(ends[1])};
}

/// Closes with a reset (RST) in place of a FIN.
inline void reset_connection(sluice::Fd& fd) {
  const linger now{1, 0};
  cr_assert(setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
  fd.reset();
}

/// Waits until `events` (as of poll(2)) are there; false after ten seconds.
inline bool wait_for(int fd, short events) {
  pollfd waiting{fd, events, 0};
  return poll(&waiting, 1, 10'000) == 1;
}

inline void send_text(int fd, std::string_view text) {
  cr_assert(send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
}

/// Waits until exactly `size` bytes have arrived and are unread; false after ten seconds.
inline bool wait_for_bytes(int fd, int size) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (int there = 0; there != size;) {
    if (ioctl(fd, FIONREAD, &there) < 0 || std::chrono::steady_clock::now() > deadline)
      return false;
    sched_yield();
  }
  return true;
}

/// How a peer's reading ended so far.
enum class Tail { more, eof, reset };

/// Reads what is there, appends it to `into`, at most `limit` bytes.
inline Tail read_some(int fd, std::string& into, std::size_t limit = SIZE_MAX) {
  char buffer[65536];
  while (limit != 0) {
    const ssize_t size = recv(fd, buffer, std::min(sizeof buffer, limit), 0);
    if (size == 0) return Tail::eof;
    if (size < 0) return errno == EAGAIN ? Tail::more : Tail::reset;
    into.append(buffer, static_cast<std::size_t>(size));
    limit -= static_cast<std::size_t>(size);
  }
  return Tail::more;
}

/// Writes until the kernel takes no more; how much it took.
inline std::size_t fill(int fd) {
  const std::string chunk(65536, 'f');
  std::size_t total = 0;
  for (;;) {
    const ssize_t sent = send(fd, chunk.data(), chunk.size(), MSG_NOSIGNAL);
    if (sent <= 0) return total;
    total += static_cast<std::size_t>(sent);
  }
}
