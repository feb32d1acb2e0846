// The echo service as a bare epoll loop: what a program pays that has no library at all.
//
// Usage: raw_epoll_echo [PORT [BUFFER_KIB]]     (any free port and 64 KiB by default)
//
// Level-triggered, one receive buffer for all, one small struct a connection. What a short send
// leaves over is parked with its connection, which is then watched for writing only. No timeouts,
// no limits, no care for a lack of descriptors: a baseline, not a server to copy.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/raw/listen.h"

namespace {

constexpr int kEventsPerTurn = 512;
constexpr std::size_t kMostBytes = 1024 * 1024;

struct Connection {
  int fd;
  std::uint32_t owed;  // bytes of `rest` still to be sent
  char* rest;          // malloc'ed while owed > 0
};

// Aligned, since the kernel's copy into a buffer that begins 16 bytes off, as malloc's large ones
// do, was measured to take more than twice as long.
alignas(4096) char buffer[kMostBytes];
std::size_t buffer_size = 64 * 1024;  // of which so much is used

void watch(int epoll, int operation, Connection* connection, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = connection;
  epoll_ctl(epoll, operation, connection->fd, &event);
}

void accept_all(int epoll, int listener) {
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(epoll, EPOLL_CTL_ADD, new Connection{fd, 0, nullptr}, EPOLLIN);
  }
}

void close_connection(Connection* connection) {
  close(connection->fd);
  if (connection->owed > 0) std::free(connection->rest);
  delete connection;
}

void on_readable(int epoll, Connection* connection) {
  const ssize_t got = recv(connection->fd, buffer, buffer_size, 0);
  if (got <= 0) {
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) close_connection(connection);
    return;
  }
  ssize_t sent = send(connection->fd, buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL);
  if (sent == got) return;
  if (sent < 0 && errno != EAGAIN) return close_connection(connection);
  if (sent < 0) sent = 0;
  connection->owed = static_cast<std::uint32_t>(got - sent);
  connection->rest = static_cast<char*>(std::malloc(connection->owed));
  std::memcpy(connection->rest, buffer + sent, connection->owed);
  watch(epoll, EPOLL_CTL_MOD, connection, EPOLLOUT);
}

void on_writable(int epoll, Connection* connection) {
  const ssize_t sent = send(connection->fd, connection->rest, connection->owed, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN) close_connection(connection);
    return;
  }
  connection->owed -= static_cast<std::uint32_t>(sent);
  std::memmove(connection->rest, connection->rest + sent, connection->owed);
  if (connection->owed > 0) return;
  std::free(connection->rest);
  watch(epoll, EPOLL_CTL_MOD, connection, EPOLLIN);
}

}  // namespace

int main(int argc, char** argv) {
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);

  if (argc > 2)
    buffer_size =
        std::clamp<std::size_t>(std::strtoul(argv[2], nullptr, 10) * 1024, 1024, kMostBytes);
  const int listener = listen_on(argc > 1 ? std::atoi(argv[1]) : 0, "raw echo", SOCK_NONBLOCK);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;  // data.ptr stays null: that is the listener
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);

  static epoll_event ready[kEventsPerTurn];
  for (;;) {
    const int count = epoll_wait(epoll, ready, kEventsPerTurn, -1);
    for (int i = 0; i < count; ++i) {
      auto* connection = static_cast<Connection*>(ready[i].data.ptr);
      if (connection == nullptr) {
        accept_all(epoll, listener);
      } else if (connection->owed > 0) {
        on_writable(epoll, connection);
      } else {
        on_readable(epoll, connection);
      }
    }
  }
}
