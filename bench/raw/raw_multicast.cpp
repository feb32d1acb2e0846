// A multicast receiver as a bare epoll loop: what a program pays that has no library at all.
//
// Usage: raw_multicast GROUP:PORT [one | batch | gro] [--time] [--drops]     (batch by default)
//
//   one     recv for each datagram, until there are no more
//   batch   one recvmmsg of at most 64 a turn
//   gro     likewise, and the kernel hands over runs of equal datagrams as one (UDP_GRO)
//   --time   asks for the kernel's time stamps and takes them in
//   --drops  likewise its drop counter
//
// Joins on the loopback interface. SIGTERM ends it; then it prints `datagrams=N bytes=N dropped=N`,
// the last as the kernel tells with --drops. The datagrams themselves are not looked at.

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

constexpr unsigned kMost = 64;
constexpr std::size_t kBytes = 65536, kControlBytes = 256;
constexpr int kReceiveBuffer = 4 * 1024 * 1024;

alignas(4096) char memory[kMost][kBytes];
alignas(64) char control[kMost][kControlBytes];
sockaddr_in from[kMost];
iovec parts[kMost];
mmsghdr messages[kMost];

std::uint64_t datagrams, bytes;
std::uint32_t dropped;
std::int64_t last_time;
volatile std::sig_atomic_t over;

int option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value);
}

int joined(const std::string& target, bool gro, bool time, bool drops) {
  const std::size_t colon = target.find(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (colon == std::string::npos ||
      inet_pton(AF_INET, target.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    std::fprintf(stderr, "not GROUP:PORT: %s\n", target.c_str());
    std::exit(2);
  }
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(target.c_str() + colon + 1)));
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  option(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
  if (option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBuffer) != 0)
    option(fd, SOL_SOCKET, SO_RCVBUF, kReceiveBuffer);
  if (gro) option(fd, IPPROTO_UDP, UDP_GRO, 1);
  if (time) option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
  if (drops) option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
  ip_mreqn group{};
  group.imr_multiaddr = address.sin_addr;
  group.imr_ifindex = static_cast<int>(if_nametoindex("lo"));
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    std::perror("join");
    std::exit(1);
  }
  std::printf("raw multicast listening on %s\n", target.c_str());
  std::fflush(stdout);
  return fd;
}

/// Of how many bytes each datagram is, of those that arrived as one; 0: it is one.
int take_control(msghdr& header) {
  int segment = 0;
  for (cmsghdr* at = CMSG_FIRSTHDR(&header); at != nullptr; at = CMSG_NXTHDR(&header, at)) {
    const void* data = CMSG_DATA(at);
    if (at->cmsg_level == IPPROTO_UDP && at->cmsg_type == UDP_GRO) {
      std::memcpy(&segment, data, sizeof segment);
    } else if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SO_RXQ_OVFL) {
      std::memcpy(&dropped, data, sizeof dropped);
    } else if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_TIMESTAMPNS) {
      timespec time{};
      std::memcpy(&time, data, sizeof time);
      last_time = time.tv_sec * 1'000'000'000 + time.tv_nsec;
    }
  }
  return segment;
}

void one_at_a_time(int fd) {
  for (ssize_t got = 0; (got = recv(fd, memory[0], kBytes, 0)) >= 0;) {
    ++datagrams;
    bytes += static_cast<std::uint64_t>(got);
  }
}

void prepare(bool with_control) {
  for (unsigned i = 0; i < kMost; ++i) {
    parts[i] = {memory[i], kBytes};
    msghdr& header = messages[i].msg_hdr;
    header.msg_name = &from[i];
    header.msg_namelen = sizeof from[i];
    header.msg_iov = &parts[i];
    header.msg_iovlen = 1;
    header.msg_control = with_control ? control[i] : nullptr;
    header.msg_controllen = with_control ? kControlBytes : 0;
  }
}

void a_batch(int fd, bool with_control) {
  const int got = recvmmsg(fd, messages, kMost, MSG_DONTWAIT, nullptr);
  for (int i = 0; i < got; ++i) {
    int segment = 0;
    if (with_control) {
      segment = take_control(messages[i].msg_hdr);
      messages[i].msg_hdr.msg_controllen = kControlBytes;
    }
    const auto size = static_cast<int>(messages[i].msg_len);
    datagrams += segment > 0 ? static_cast<std::uint64_t>((size + segment - 1) / segment) : 1;
    bytes += messages[i].msg_len;
  }
}

}  // namespace

int main(int argc, char** argv) {
  bool one = false, gro = false, time = false, drops = false;
  for (int i = 2; i < argc; ++i) {
    const std::string_view word = argv[i];
    one |= word == "one";
    gro |= word == "gro";
    time |= word == "--time";
    drops |= word == "--drops";
  }
  struct sigaction action{};
  action.sa_handler = [](int) { over = 1; };
  sigaction(SIGTERM, &action, nullptr);
  const int fd = joined(argc > 1 ? argv[1] : "", gro, time, drops);
  const bool with_control = gro || time || drops;
  prepare(with_control);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  while (over == 0) {
    if (epoll_wait(epoll, &event, 1, -1) != 1) continue;
    one ? one_at_a_time(fd) : a_batch(fd, with_control);
  }
  std::printf("datagrams=%llu bytes=%llu dropped=%u last_time=%lld\n",
              static_cast<unsigned long long>(datagrams), static_cast<unsigned long long>(bytes),
              dropped, static_cast<long long>(last_time));
}
