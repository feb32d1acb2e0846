// The classic event-loop benchmark on bare epoll: many socket pairs watched, few of them busy.
//
// Usage: raw_event_loop [MODE] [--pairs N] [--active A] [--writes W] [--rounds R] [--timers]
//
//   events    per round: a byte is written into A of the pairs; each time a pair is readable its
//             byte is taken and, while writes remain, the next pair is sent one: A + W events
//   register  per round: every pair is put into the epoll set, then every pair is taken out
//   readd     per round: every pair is taken out of the set and put back at once
//
// With --timers each pair also has a timeout of 10 to 11 s in a raw heap: events re-arms it each
// time, register starts and stops it, readd stops and starts it. User instructions per event come
// from running this under callgrind with R and 2R rounds: see bench/instructions.py.

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "bench/event_loop_options.h"
#include "bench/raw/four_heap.h"

namespace {

struct Pair {
  int reader, writer;
};

std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

class Bench {
 public:
  explicit Bench(const EventLoopOptions& options)
      : options_(options), heap_(options.pairs), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (std::uint32_t i = 0; i < options.pairs; ++i) {
      int fds[2];
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        std::perror("socketpair");
        std::exit(1);
      }
      pairs_.push_back({fds[0], fds[1]});
    }
  }

  [[gnu::noinline]] void add_all() {
    now_ = now_ns();
    for (std::uint32_t i = 0; i < options_.pairs; ++i) add(i);
  }
  [[gnu::noinline]] void remove_all() {
    for (std::uint32_t i = 0; i < options_.pairs; ++i) remove(i);
  }
  void readd_all() {
    now_ = now_ns();
    for (std::uint32_t i = 0; i < options_.pairs; ++i) {
      remove(i);
      add(i);
    }
  }

  /// One round of the mode `events`.
  void chain() {
    writes_left_ = options_.writes;
    std::uint32_t left = options_.active + options_.writes;
    const std::uint32_t apart = options_.pairs / options_.active;
    for (std::uint32_t i = 0; i < options_.active; ++i) send_byte(i * apart);
    while (left > 0) left -= turn();
  }

 private:
  std::int64_t deadline() {
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    return now_ + 10'000'000'000 + static_cast<std::int64_t>((random_ >> 33) % 1'000'000'000);
  }

  void add(std::uint32_t i) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = i;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, pairs_[i].reader, &event);
    if (options_.timers) heap_.start(i, deadline());
  }

  void remove(std::uint32_t i) {
    epoll_ctl(epoll_, EPOLL_CTL_DEL, pairs_[i].reader, nullptr);
    if (options_.timers) heap_.stop(i);
  }

  void send_byte(std::uint32_t i) {
    if (write(pairs_[i].writer, "e", 1) != 1) std::abort();
  }

  std::uint32_t turn() {
    int timeout = -1;
    if (!heap_.empty()) {
      timeout = static_cast<int>(
          std::max<std::int64_t>(0, (heap_.first_deadline() - now_ + 999'999) / 1'000'000));
    }
    const int count = epoll_wait(epoll_, ready_, kEventsPerTurn, timeout);
    if (options_.timers) now_ = now_ns();
    for (int i = 0; i < count; ++i) on_readable(ready_[i].data.u32);
    while (!heap_.empty() && heap_.first_deadline() <= now_) heap_.stop(heap_.first_id());
    return static_cast<std::uint32_t>(std::max(count, 0));
  }

  void on_readable(std::uint32_t i) {
    char byte;
    if (read(pairs_[i].reader, &byte, 1) != 1) std::abort();
    if (options_.timers) heap_.restart(i, deadline());
    if (writes_left_ == 0) return;
    --writes_left_;
    send_byte(i + 1 == options_.pairs ? 0 : i + 1);
  }

  static constexpr int kEventsPerTurn = 512;
  const EventLoopOptions options_;
  std::vector<Pair> pairs_;
  FourHeap heap_;
  int epoll_;
  std::int64_t now_ = 0;
  std::uint64_t random_ = 1;
  std::uint32_t writes_left_ = 0;
  epoll_event ready_[kEventsPerTurn];
};

}  // namespace

int main(int argc, char** argv) {
  const EventLoopOptions options = parse_event_loop_options(argc, argv);
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);

  Bench bench(options);
  const bool events = options.mode == "events";
  if (options.mode != "register") bench.add_all();
  std::int64_t adding = 0;
  const std::int64_t begin = now_ns();
  for (std::uint32_t round = 0; round < options.rounds; ++round) {
    if (events) {
      bench.chain();
    } else if (options.mode == "readd") {
      bench.readd_all();
    } else {
      const std::int64_t before = now_ns();
      bench.add_all();
      adding += now_ns() - before;
      bench.remove_all();
    }
  }
  const auto total = static_cast<double>(now_ns() - begin);
  const double per_round = events ? options.active + options.writes : options.pairs;
  const double operations = per_round * options.rounds;
  std::printf("operations=%.0f ns_per_operation=%.1f", operations, total / operations);
  if (options.mode == "register") {
    std::printf(" ns_per_add=%.1f", static_cast<double>(adding) / operations);
  }
  std::printf("\n");
}
