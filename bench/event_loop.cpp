// The classic event-loop benchmark on the Reactor: many socket pairs watched, few of them busy.
// The counterpart of bench/raw/raw_event_loop.cpp, with its modes, options and way of counting.
//
// Usage: event_loop [MODE] [--pairs N] [--active A] [--writes W] [--rounds R]
//                   [--timers] [--fresh]
//
//   events    per round: a byte is written into A of the pairs; each time a pair is readable its
//             byte is taken and, while writes remain, the next pair is sent one: A + W events
//   register  per round: every pair is watched, then every watch ends
//   readd     per round: every watch asks for nothing, then for what it had, then the changes are
//             flushed; prints how many epoll_ctl calls all rounds made
//
// With --timers each pair also has a timeout of 10 to 11 s, a Timer: events re-arms it each time,
// register starts and stops it, readd stops and starts it. With --fresh, register also makes and
// destroys it.

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <vector>

#include "bench/event_loop_options.h"
#include "reactor/reactor.h"

namespace {

using sluice::Fd;
using sluice::Interest;
using sluice::Reactor;
using sluice::Timer;
using sluice::Watch;

std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

class Bench;

struct Pair final : sluice::IoHandler {
  Pair(Bench& owner, std::uint32_t number) : bench(owner), index(number) {}
  void on_readable() noexcept override;

  Bench& bench;
  std::uint32_t index;
  Fd reader, writer;
  Watch watch;
  Timer timeout;
};

class Bench {
 public:
  explicit Bench(const EventLoopOptions& options) : options_(options) {
    pairs_.reserve(options.pairs);
    for (std::uint32_t i = 0; i < options.pairs; ++i) {
      int fds[2];
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        std::perror("socketpair");
        std::exit(1);
      }
      auto& pair = pairs_.emplace_back(std::make_unique<Pair>(*this, i));
      pair->reader.reset(fds[0]);
      pair->writer.reset(fds[1]);
      if (options.timers) pair->timeout = make_timeout();
    }
  }

  [[gnu::noinline]] void add_all() {
    reactor_.timers().hold_time();
    for (auto& pair : pairs_) {
      auto made = reactor_.watch(pair->reader.get(), Interest::read, *pair);
      if (!made) std::abort();
      pair->watch = std::move(*made);
      if (options_.fresh) pair->timeout = make_timeout();
      if (options_.timers) pair->timeout.start(delay());
    }
    reactor_.selector().flush();
    reactor_.timers().release_time();
  }

  [[gnu::noinline]] void remove_all() {
    for (auto& pair : pairs_) {
      pair->watch.reset();
      if (options_.timers) pair->timeout.stop();
      if (options_.fresh) pair->timeout = Timer();
    }
  }

  void readd_all() {
    reactor_.timers().hold_time();
    for (auto& pair : pairs_) {
      pair->watch.set_interest(Interest::none);
      if (options_.timers) pair->timeout.stop();
      pair->watch.set_interest(Interest::read);
      if (options_.timers) pair->timeout.start(delay());
    }
    reactor_.selector().flush();
    reactor_.timers().release_time();
  }

  /// One round of the mode `events`.
  void chain() {
    writes_left_ = options_.writes;
    left_ = options_.active + options_.writes;
    const std::uint32_t apart = options_.pairs / options_.active;
    for (std::uint32_t i = 0; i < options_.active; ++i) send_byte(i * apart);
    if (!reactor_.run()) std::abort();
  }

  void on_readable(Pair& pair) {
    char byte;
    if (read(pair.reader.get(), &byte, 1) != 1) std::abort();
    if (options_.timers) pair.timeout.start(delay());
    if (--left_ == 0) reactor_.stop();
    if (writes_left_ == 0) return;
    --writes_left_;
    send_byte(pair.index + 1 == options_.pairs ? 0 : pair.index + 1);
  }

  std::uint64_t kernel_calls() { return reactor_.selector().kernel_calls(); }

 private:
  sluice::Duration delay() {
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    return sluice::Duration(10'000'000'000 +
                            static_cast<std::int64_t>((random_ >> 33) % 1'000'000'000));
  }

  Timer make_timeout() {
    return reactor_.timer([this] { ++timeouts_; });
  }

  void send_byte(std::uint32_t i) {
    if (write(pairs_[i]->writer.get(), "e", 1) != 1) std::abort();
  }

  const EventLoopOptions options_;
  Reactor reactor_;
  std::vector<std::unique_ptr<Pair>> pairs_;
  std::uint64_t random_ = 1;
  std::uint32_t writes_left_ = 0, left_ = 0;
  std::uint64_t timeouts_ = 0;
};

void Pair::on_readable() noexcept {
  bench.on_readable(*this);
}

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
  const std::uint64_t calls = bench.kernel_calls();
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
  std::printf("operations=%.0f ns_per_operation=%.1f epoll_ctl=%llu", operations,
              total / operations, static_cast<unsigned long long>(bench.kernel_calls() - calls));
  if (options.mode == "register") {
    std::printf(" ns_per_add=%.1f", static_cast<double>(adding) / operations);
  }
  std::printf("\n");
}
