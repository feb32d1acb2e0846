// What timers cost, each with its closure: nanoseconds per operation.
// The counterpart of bench/raw/raw_timer_heap.cpp, with its operations, plus make.
//
// Usage: timers [TIMERS [ROUNDS]]     (100,000 timers, 20 rounds)
//
// Prints the median of the rounds and the least.
//
//   make        make all, not armed, each with a closure of two words
//   start       arm all, from none, at random deadlines
//   rearm       with all armed, give each in turn a random deadline later than all first ones, as
//   an
//               idle timeout that starts anew
//   start+stop  with all but one armed, arm that one at a random deadline and stop it again
//   stop        stop all, in an order that has nothing to do with their deadlines
//   fire        with all armed and all due, one turn calls them, in the order of their deadlines

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "reactor/timer.h"

namespace {

using sluice::Duration;
using sluice::TimePoint;
using sluice::Timer;
using sluice::TimerQueue;
using Nanoseconds = std::chrono::duration<double, std::nano>;

/// Stands still until it is told the time.
class Hands final : public sluice::Clock {
 public:
  TimePoint now() override { return time; }
  TimePoint time{std::chrono::hours(1)};
};

template <class Work>
double ns_per(std::size_t operations, Work work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return Nanoseconds(std::chrono::steady_clock::now() - begin).count() /
         static_cast<double>(operations);
}

constexpr std::array kNames = {"make", "start", "rearm", "start+stop", "stop", "fire"};
using Costs = std::array<double, kNames.size()>;

/// Delays are drawn beforehand, so that the timers alone are timed.
struct Delays {
  std::vector<Duration> first, second;
};

struct Fired {
  std::size_t count = 0;
  Duration latest{};
  void operator()(Duration delay) {
    if (delay < latest) std::abort();
    latest = delay;
    ++count;
  }
};

Costs one_round(TimerQueue& queue, Hands& hands, const Delays& delays) {
  const std::size_t count = delays.first.size();
  Fired fired;
  std::vector<Timer> timers(count);
  queue.hold_time();
  Costs ns{};
  ns[0] = ns_per(count, [&] {
    for (std::size_t i = 0; i < count; ++i) {
      timers[i] = Timer(queue, [&fired, delay = delays.first[i]] { fired(delay); });
    }
  });
  const auto start_all = [&] {
    for (std::size_t i = 0; i < count; ++i) timers[i].start(delays.first[i]);
  };
  ns[1] = ns_per(count, start_all);
  ns[2] = ns_per(count, [&] {
    for (std::size_t i = 0; i < count; ++i) timers[i].start(delays.second[i]);
  });
  timers[0].stop();
  ns[3] = ns_per(count, [&] {
    for (std::size_t i = 0; i < count; ++i) {
      timers[0].start(delays.second[i]);
      timers[0].stop();
    }
  });
  timers[0].start(delays.second[0]);
  ns[4] = ns_per(count, [&] {
    for (Timer& timer : timers) timer.stop();
  });
  start_all();
  hands.time += std::chrono::minutes(1);
  queue.hold_time();
  ns[5] = ns_per(count, [&] { queue.run_due(); });
  if (fired.count != count || !queue.empty()) std::abort();
  return ns;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000;
  const std::size_t rounds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 20;
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::int64_t> delay(0, 60'000'000'000);
  std::array<std::vector<double>, kNames.size()> all;
  Hands hands;
  TimerQueue queue(hands);
  for (std::size_t round = 0; round < rounds; ++round) {
    Delays delays;
    for (std::size_t i = 0; i < count; ++i) {
      delays.first.emplace_back(delay(random));
      delays.second.emplace_back(60'000'000'000 + delay(random));
    }
    const Costs ns = one_round(queue, hands, delays);
    for (std::size_t i = 0; i < ns.size(); ++i) all[i].push_back(ns[i]);
  }
  for (std::size_t i = 0; i < all.size() && rounds > 0; ++i) {
    std::ranges::sort(all[i]);
    std::printf("%-10s %7.1f ns (least %.1f)\n", kNames[i], all[i][rounds / 2], all[i].front());
  }
}
