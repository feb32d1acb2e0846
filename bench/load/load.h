#pragma once

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

/// What the load programs share: numeric addresses, connecting, the time. A failure ends the
/// program with a sentence and status 1; this is a measuring tool.
namespace load {

[[noreturn]] inline void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Target {
  sockaddr_storage address{};
  socklen_t size = 0;
};

/// "127.0.0.1:8080" or "[::1]:8080".
inline Target parse_target(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
    std::fprintf(stderr, "not a numeric HOST:PORT: %s\n", text.c_str());
    std::exit(2);
  }
  Target target;
  target.size = found->ai_addrlen;
  __builtin_memcpy(&target.address, found->ai_addr, target.size);
  freeaddrinfo(found);
  return target;
}

/// A connected, blocking socket whose calls give up after `patience` seconds.
inline int connect_to(const Target& target, int patience = 30) {
  const int fd = socket(target.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  const timeval limit{patience, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&target.address), target.size) != 0) {
    die("connect");
  }
  return fd;
}

/// A blocking UDP socket with that peer.
inline int connect_udp(const Target& target) {
  const int fd = socket(target.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (connect(fd, reinterpret_cast<const sockaddr*>(&target.address), target.size) != 0) {
    die("connect");
  }
  return fd;
}

inline void raise_descriptor_limit() {
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
}

}  // namespace load
