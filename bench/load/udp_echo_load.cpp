// Plays ping-pong with a UDP echo server and checks every datagram that comes back.
//
// Usage: udp_echo_load HOST:PORT [--inflight N] [--size S] [--run-seconds T | --round-trips R]
//                      [--wait]
//
//   N datagrams of S bytes (at least 16) are under way at a time, by default 32 of 64; all that
//   have come back are taken by one recvmmsg and followed by one sendmmsg. One that has not come
//   back after a fifth of a second is lost, and another goes in its place. Ends after T seconds
//   (1), or once R have come back.
//   --wait  prints `ready` once the first datagram has come back, waits for a line of standard
//           input, and after the result until standard input ends, so that a script can read the
//           server's counters at both points.
//
// Prints `round_trips=N seconds=S per_second=X lost=N strange=N`; strange is what came back
// changed, twice or too late.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "bench/load/load.h"

namespace {

constexpr double kPatience = 0.2;
constexpr std::size_t kMost = 256, kBytes = 65536;

struct Options {
  std::string target;
  std::size_t inflight = 32, size = 64, round_trips = 0;
  double run_seconds = 1;
  bool wait = false;
};

/// What a datagram begins with.
struct Mark {
  std::uint64_t slot, number;
};

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options),
        fd_(load::connect_udp(load::parse_target(options.target))),
        slots_(options.inflight),
        out_(options.inflight, std::vector<char>(options.size, 'x')),
        in_(options.inflight, std::vector<char>(options.size + 1)),
        due_(options.inflight) {
    for (std::size_t i = 0; i < slots_.size(); ++i) due_[i] = i;
    const timeval patience{0, static_cast<suseconds_t>(kPatience * 1e6)};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }

  /// One there and back, so that the server is surely there.
  void touch() {
    char byte = 'x';
    if (send(fd_, &byte, 1, 0) != 1 || recv(fd_, &byte, 1, 0) != 1) load::die("first datagram");
  }

  void run() {
    const double begin = load::seconds_now();
    double now = begin, checked = begin;
    while (options_.round_trips > 0 ? done_ < options_.round_trips
                                    : now - begin < options_.run_seconds) {
      send_due(now);
      const bool any = receive();
      now = load::seconds_now();
      if (!any || now - checked > kPatience) {
        give_up_old(now);
        checked = now;
      }
    }
    const double seconds = now - begin;
    std::printf("round_trips=%zu seconds=%.6f per_second=%.0f lost=%zu strange=%zu\n", done_,
                seconds, static_cast<double>(done_) / seconds, lost_, strange_);
    std::fflush(stdout);
  }

 private:
  struct Slot {
    std::uint64_t number = 0;
    double sent = 0;
    bool waiting = false;
  };

  void send_due(double now) {
    std::array<iovec, kMost> parts;
    std::array<mmsghdr, kMost> messages{};
    for (std::size_t i = 0; i < due_.size(); ++i) {
      Slot& slot = slots_[due_[i]];
      const Mark mark{due_[i], ++slot.number};
      slot.sent = now;
      slot.waiting = true;
      std::vector<char>& bytes = out_[due_[i]];
      std::memcpy(bytes.data(), &mark, sizeof mark);
      parts[i] = {bytes.data(), bytes.size()};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (std::size_t sent = 0; sent < due_.size();) {
      const int count =
          sendmmsg(fd_, &messages[sent], static_cast<unsigned>(due_.size() - sent), 0);
      if (count < 0) load::die("sendmmsg");
      sent += static_cast<std::size_t>(count);
    }
    due_.clear();
  }

  /// Waits for at least one, and takes all there are; false when the patience was over.
  bool receive() {
    std::array<iovec, kMost> parts;
    std::array<mmsghdr, kMost> messages{};
    for (std::size_t i = 0; i < in_.size(); ++i) {
      parts[i] = {in_[i].data(), in_[i].size()};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int count =
        recvmmsg(fd_, messages.data(), static_cast<unsigned>(in_.size()), MSG_WAITFORONE, nullptr);
    if (count < 0 && errno != EAGAIN && errno != EINTR) load::die("recvmmsg");
    for (int i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      take(in_[at], messages[at].msg_len);
    }
    return count > 0;
  }

  void take(const std::vector<char>& bytes, std::size_t size) {
    Mark mark{};
    if (size >= sizeof mark) std::memcpy(&mark, bytes.data(), sizeof mark);
    const bool known = size == options_.size && mark.slot < slots_.size() &&
                       slots_[mark.slot].waiting && slots_[mark.slot].number == mark.number &&
                       std::memcmp(bytes.data(), out_[mark.slot].data(), size) == 0;
    if (!known) {
      ++strange_;
      return;
    }
    slots_[mark.slot].waiting = false;
    due_.push_back(mark.slot);
    ++done_;
  }

  void give_up_old(double now) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (!slots_[i].waiting || now - slots_[i].sent < kPatience) continue;
      slots_[i].waiting = false;
      due_.push_back(i);
      ++lost_;
    }
  }

  const Options options_;
  int fd_;
  std::vector<Slot> slots_;
  std::vector<std::vector<char>> out_, in_;
  std::vector<std::size_t> due_;  // slots that are to send
  std::size_t done_ = 0, lost_ = 0, strange_ = 0;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--wait") {
      options.wait = true;
    } else if (!name.starts_with("--")) {
      options.target = name;
    } else {
      const double value = i + 1 < argc ? std::strtod(argv[++i], nullptr) : 0;
      const auto count = static_cast<std::size_t>(value);
      if (name == "--inflight") options.inflight = std::clamp<std::size_t>(count, 1, kMost);
      if (name == "--size") options.size = std::clamp<std::size_t>(count, sizeof(Mark), 65507);
      if (name == "--round-trips") options.round_trips = count;
      if (name == "--run-seconds") options.run_seconds = value;
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  Load run(options);
  run.touch();
  if (options.wait) {
    std::printf("ready\n");
    std::fflush(stdout);
    if (std::getchar() == EOF) return 0;
  }
  run.run();
  while (options.wait && std::getchar() != EOF) {
  }
}
