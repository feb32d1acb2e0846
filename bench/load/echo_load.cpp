// Plays ping-pong with an echo server over many connections and checks every byte that comes back.
//
// Usage: echo_load HOST:PORT [--connections C] [--idle I] [--size S] [--inflight K]
//                  [--round-trips R] [--seconds LIMIT] [--wait]
//
//   C connections share R round trips evenly, each a message of S bytes, K of them under way at a
//   time. I more connections echo one byte, so that the server has surely accepted them, and then
//   stay idle until the end. A run that takes longer than LIMIT seconds fails.
//   --wait  stops twice: prints `ready` once all are connected and waits for a line of standard
//           input, and keeps all connections open after the result until standard input ends, so
//           that a script can read the server's counters at both points.
//
// Prints `round_trips=N seconds=S per_second=X`.

#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "bench/load/load.h"

namespace {

struct Options {
  std::string target;
  std::size_t connections = 1, idle = 0, size = 64, inflight = 1, round_trips = 10'000;
  double seconds = 60;
  bool wait = false;
};

constexpr std::size_t kChunk = 256 * 1024;
/// The bytes of a connection repeat with a prime period, so that bytes lost, doubled or moved by
/// any power of two are noticed.
constexpr std::size_t kPeriod = 251;
std::array<char, kPeriod + kChunk> pattern;
alignas(4096) std::array<char, kChunk> buffer;  // the kernel copies fastest into aligned memory

struct Connection {
  int fd;
  std::uint64_t total, sent = 0, received = 0;
  bool blocked = false;  // waits for room to send
};

const char* pattern_at(std::uint64_t position) {
  return pattern.data() + position % kPeriod;
}

class Load {
 public:
  explicit Load(const Options& options) : options_(options), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    const load::Target target = load::parse_target(options.target);
    for (std::size_t i = 0; i < options.idle; ++i) idle_.push_back(touched(target));
    for (std::size_t i = 0; i < options.connections; ++i) {
      const int fd = touched(target);
      fcntl(fd, F_SETFL, O_NONBLOCK);
      const std::size_t share = options.round_trips / options.connections +
                                (i < options.round_trips % options.connections);
      connections_.push_back({fd, std::uint64_t{share} * options.size});
    }
    for (std::size_t i = 0; i < connections_.size(); ++i) watch(EPOLL_CTL_ADD, i, EPOLLIN);
  }

  /// Returns the seconds it took.
  double run() {
    const double begin = load::seconds_now();
    unfinished_ = 0;
    for (const Connection& each : connections_) unfinished_ += each.total > 0;
    for (std::size_t i = 0; i < connections_.size(); ++i) send_due(i);
    while (unfinished_ > 0) {
      epoll_event ready[256];
      const int count = epoll_wait(epoll_, ready, 256, 1000);
      for (int i = 0; i < count; ++i) {
        const auto index = static_cast<std::size_t>(ready[i].data.u64);
        if ((ready[i].events & EPOLLIN) != 0) receive(index);
        send_due(index);
      }
      if (load::seconds_now() - begin > options_.seconds) {
        std::fprintf(stderr, "not done after %.0f seconds\n", options_.seconds);
        std::exit(1);
      }
    }
    return load::seconds_now() - begin;
  }

 private:
  /// A connection that has echoed one byte.
  static int touched(const load::Target& target) {
    const int fd = load::connect_to(target);
    char byte = 'x';
    if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1 || byte != 'x') {
      load::die("first byte");
    }
    return fd;
  }

  void watch(int operation, std::size_t index, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = index;
    epoll_ctl(epoll_, operation, connections_[index].fd, &event);
  }

  void receive(std::size_t index) {
    Connection& each = connections_[index];
    const ssize_t got = recv(each.fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) load::die("recv");
    const auto size = static_cast<std::size_t>(got);
    if (size == 0 || std::memcmp(buffer.data(), pattern_at(each.received), size) != 0) {
      std::fprintf(stderr, size == 0 ? "closed too early\n" : "a wrong byte came back\n");
      std::exit(1);
    }
    each.received += size;
    if (each.received == each.total) --unfinished_;
  }

  /// Sends what the number of messages in flight allows.
  void send_due(std::size_t index) {
    Connection& each = connections_[index];
    const std::uint64_t whole = each.received / options_.size;
    const std::uint64_t due = std::min(each.total, (whole + options_.inflight) * options_.size);
    bool blocked = false;
    while (each.sent < due && !blocked) {
      const std::size_t size = std::min<std::uint64_t>(kChunk, due - each.sent);
      const ssize_t sent = send(each.fd, pattern_at(each.sent), size, MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) load::die("send");
      if (sent > 0) each.sent += static_cast<std::size_t>(sent);
      blocked = sent < 0;
    }
    if (blocked != each.blocked)
      watch(EPOLL_CTL_MOD, index, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
    each.blocked = blocked;
  }

  const Options options_;
  int epoll_;
  std::vector<int> idle_;
  std::vector<Connection> connections_;
  std::size_t unfinished_ = 0;
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
      const std::size_t value = i + 1 < argc ? std::strtoul(argv[++i], nullptr, 10) : 0;
      if (name == "--connections") options.connections = value;
      if (name == "--idle") options.idle = value;
      if (name == "--size") options.size = std::max<std::size_t>(value, 1);
      if (name == "--inflight") options.inflight = std::max<std::size_t>(value, 1);
      if (name == "--round-trips") options.round_trips = value;
      if (name == "--seconds") options.seconds = static_cast<double>(value);
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    pattern[i] = static_cast<char>(i % kPeriod);
  }
  load::raise_descriptor_limit();
  Load run(options);
  if (options.wait) {
    std::printf("ready\n");
    std::fflush(stdout);
    if (std::getchar() == EOF) return 0;
  }
  const double seconds = run.run();
  const double done = options.connections == 0 ? 0 : static_cast<double>(options.round_trips);
  std::printf("round_trips=%.0f seconds=%.6f per_second=%.0f\n", done, seconds,
              seconds > 0 ? done / seconds : 0);
  std::fflush(stdout);
  while (options.wait && std::getchar() != EOF) {
  }
}
