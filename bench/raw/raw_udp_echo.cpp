// The UDP echo service as a bare epoll loop: what a program pays that has no library at all.
//
// Usage: raw_udp_echo [one | batch [MOST]]     (batch of 64 by default)
//
//   one    recvfrom and sendto for each datagram, until there are no more
//   batch  one recvmmsg and one sendmmsg a turn, of at most MOST datagrams
//
// Answers whoever sends. What the kernel has no room for is lost, no error is looked at: a
// baseline, not a server to copy.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

constexpr unsigned kMost = 256;
constexpr std::size_t kBytes = 65536;

// A page apart, so that of short datagrams only what they fill is ever touched.
alignas(4096) char memory[kMost][kBytes];
sockaddr_in from[kMost];
iovec parts[kMost];
mmsghdr messages[kMost];

int bound_socket() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (fd < 0 || bind(fd, generic, size) != 0) {
    std::perror("bind");
    std::exit(1);
  }
  getsockname(fd, generic, &size);
  std::printf("raw udp echo listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

void one_at_a_time(int fd) {
  for (;;) {
    socklen_t size = sizeof from[0];
    auto* peer = reinterpret_cast<sockaddr*>(&from[0]);
    const ssize_t got = recvfrom(fd, memory[0], kBytes, 0, peer, &size);
    if (got < 0) return;
    sendto(fd, memory[0], static_cast<std::size_t>(got), 0, peer, size);
  }
}

void prepare(unsigned most) {
  for (unsigned i = 0; i < most; ++i) {
    parts[i] = {memory[i], kBytes};
    messages[i].msg_hdr.msg_name = &from[i];
    messages[i].msg_hdr.msg_namelen = sizeof from[i];
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
}

void a_batch(int fd, unsigned most) {
  const int got = recvmmsg(fd, messages, most, MSG_DONTWAIT, nullptr);
  if (got <= 0) return;
  const auto count = static_cast<unsigned>(got);
  for (unsigned i = 0; i < count; ++i) parts[i].iov_len = messages[i].msg_len;
  sendmmsg(fd, messages, count, MSG_DONTWAIT);
  for (unsigned i = 0; i < count; ++i) parts[i].iov_len = kBytes;
}

}  // namespace

int main(int argc, char** argv) {
  const bool one = argc > 1 && std::string_view(argv[1]) == "one";
  const unsigned long asked = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 64;
  const auto most = static_cast<unsigned>(std::clamp<unsigned long>(asked, 1, kMost));
  prepare(most);
  const int fd = bound_socket();
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  for (;;) {
    if (epoll_wait(epoll, &event, 1, -1) != 1) continue;
    one ? one_at_a_time(fd) : a_batch(fd, most);
  }
}
