#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

// What does not change between steps 2, 3 and 4, so that each of them shows one new thing only.

// The first lines of echo_blocking.cpp, but for a listener that never blocks.
inline int listen_on(int port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  socklen_t size = sizeof address;
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener, SOMAXCONN) != 0) {
    std::perror("cannot listen");
    std::exit(1);
  }
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return listener;
}

// The next client, or -1. "None there any more" is normal: a client may have given up meanwhile.
inline int accept_client(int listener) {
  const int client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client < 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
    std::perror("accept");
  }
  return client;
}

// Takes one step with a client that is ready: reads when nothing is owed to it, then sends what is.
// A client that does not read its echo is therefore not read either: that is backpressure, and it
// bounds what is kept for anyone to one buffer. No call waits here; "would block" (EAGAIN) means
// come back when select, poll or epoll says so. Returns false when the client is done.
inline bool serve(int client, std::string& owed) {
  static char buffer[64 * 1024];
  if (owed.empty()) {
    const ssize_t got = recv(client, buffer, sizeof buffer, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;  // FIN; and nothing is owed, or it would not have been read yet
    owed.assign(buffer, static_cast<std::size_t>(got));
  }
  const ssize_t sent = send(client, owed.data(), owed.size(), MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == EINTR;
  owed.erase(0, static_cast<std::size_t>(sent));
  return true;
}
