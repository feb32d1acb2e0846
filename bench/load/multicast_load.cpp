// Sends numbered datagrams to a multicast group on the loopback interface.
//
// Usage: multicast_load GROUP:PORT [--rate R] [--burst N] [--size S] [--run-seconds T] [--gso]
//                       [--wait]
//
//   R datagrams a second, 0 for as many as will go (100,000 by default), each S bytes (64, at least
//   24), N of them by one sendmmsg (1), for T seconds (1); with --gso by one sendmsg that the
//   kernel cuts up (UDP_SEGMENT). Between two bursts it does not sleep, so that a rate is kept
//   evenly.
//   --wait  prints `ready` and waits for a line of standard input first, and after the result until
//           standard input ends, so that a script can read the receiver's counters at both points.
//
// Each datagram begins with the header of `sluice multicast send --numbered` (24 bytes, big-endian:
// 8b 53 4c 4d, version 1, three zeros; stream, sequence, both u32; nanoseconds since 1970, u64), so
// that such a receiver can tell what it missed. Prints `datagrams=N seconds=S per_second=X`.

#include <endian.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <string_view>
#include <vector>

#include "bench/load/load.h"

namespace {

constexpr std::size_t kHeaderBytes = 24;
constexpr std::size_t kMostBurst = 256;
constexpr std::size_t kMostSegments = 64;  // UDP_MAX_SEGMENTS of kernels before 6.9

struct Options {
  std::string target;
  double rate = 100'000, run_seconds = 1;
  std::size_t burst = 1, size = 64;
  bool gso = false, wait = false;
};

class Sender {
 public:
  explicit Sender(const Options& options)
      : options_(options),
        fd_(group_socket(options)),
        stream_(htobe32(static_cast<std::uint32_t>(getpid()))),
        memory_(options.burst * options.size, 'x'),
        parts_(options.burst),
        messages_(options.burst) {
    for (std::size_t i = 0; i < options.burst; ++i) {
      parts_[i] = {at(i), options.size};
      messages_[i] = {};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  void run() {
    const double begin = load::seconds_now();
    double now = begin;
    for (std::uint64_t bursts = 0; now - begin < options_.run_seconds; ++bursts) {
      if (options_.rate > 0) {
        const double due = begin + static_cast<double>(bursts * options_.burst) / options_.rate;
        while (load::seconds_now() < due) {
        }
      }
      send_burst();
      now = load::seconds_now();
    }
    std::printf("datagrams=%u seconds=%.6f per_second=%.0f\n", sequence_, now - begin,
                sequence_ / (now - begin));
    std::fflush(stdout);
  }

 private:
  static int group_socket(const Options& options) {
    const load::Target target = load::parse_target(options.target);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) load::die("socket");
    const in_addr loopback{htonl(INADDR_LOOPBACK)};
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof loopback);
    const int segment = static_cast<int>(options.size);
    if (options.gso && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) != 0)
      load::die("UDP_SEGMENT");
    if (connect(fd, reinterpret_cast<const sockaddr*>(&target.address), target.size) != 0)
      load::die("connect");
    return fd;
  }

  char* at(std::size_t index) { return memory_.data() + index * options_.size; }

  void number_burst() {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    const auto sent = static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
                      static_cast<std::uint64_t>(time.tv_nsec);
    constexpr unsigned char kMagic[8] = {0x8b, 0x53, 0x4c, 0x4d, 1, 0, 0, 0};
    for (std::size_t i = 0; i < options_.burst; ++i) {
      const std::uint32_t sequence = htobe32(sequence_++);
      const std::uint64_t wire = htobe64(sent);
      std::memcpy(at(i), kMagic, sizeof kMagic);
      std::memcpy(at(i) + 8, &stream_, sizeof stream_);
      std::memcpy(at(i) + 12, &sequence, sizeof sequence);
      std::memcpy(at(i) + 16, &wire, sizeof wire);
    }
  }

  void send_burst() {
    number_burst();
    if (options_.gso) {
      if (send(fd_, memory_.data(), memory_.size(), 0) < 0) load::die("send");
      return;
    }
    for (std::size_t sent = 0; sent < options_.burst;) {
      const int count =
          sendmmsg(fd_, &messages_[sent], static_cast<unsigned>(options_.burst - sent), 0);
      if (count < 0 && errno != ENOBUFS) load::die("sendmmsg");
      sent += static_cast<std::size_t>(std::max(count, 0));
    }
  }

  const Options options_;
  int fd_;
  std::uint32_t stream_, sequence_ = 0;
  std::vector<char> memory_;
  std::vector<iovec> parts_;
  std::vector<mmsghdr> messages_;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--wait" || name == "--gso") {
      (name == "--gso" ? options.gso : options.wait) = true;
    } else if (!name.starts_with("--")) {
      options.target = name;
    } else {
      const double value = i + 1 < argc ? std::strtod(argv[++i], nullptr) : 0;
      const auto count = static_cast<std::size_t>(value);
      if (name == "--rate") options.rate = value;
      if (name == "--burst") options.burst = std::clamp<std::size_t>(count, 1, kMostBurst);
      if (name == "--size") options.size = std::clamp<std::size_t>(count, kHeaderBytes, 65507);
      if (name == "--run-seconds") options.run_seconds = value;
    }
  }
  if (options.gso) {  // all of a burst is one datagram until the kernel cuts it up
    const std::size_t most = std::min(kMostSegments, 65507 / options.size);
    options.burst = std::clamp<std::size_t>(options.burst, 1, std::max<std::size_t>(most, 1));
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  Sender sender(options);
  if (options.wait) {
    std::printf("ready\n");
    std::fflush(stdout);
    if (std::getchar() == EOF) return 0;
  }
  sender.run();
  while (options.wait && std::getchar() != EOF) {
  }
}
