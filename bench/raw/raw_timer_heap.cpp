// What timers cost when there is nothing but the heap: nanoseconds per operation.
//
// Usage: raw_timer_heap [TIMERS [ROUNDS]]     (100,000 timers, 20 rounds)
//
// Prints the median of the rounds and the least.
//
//   start       arm all, from none, at random deadlines
//   rearm       with all armed, give each in turn a random deadline later than all first ones, as
//   an
//               idle timeout that starts anew
//   start+stop  with all but one armed, arm that one at a random deadline and stop it again
//   stop        stop all, in an order that has nothing to do with their deadlines
//   fire        with all armed, take the first until none is left

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "bench/raw/four_heap.h"

namespace {

using Nanoseconds = std::chrono::duration<double, std::nano>;

template <class Work>
double ns_per(std::uint32_t operations, Work work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return Nanoseconds(std::chrono::steady_clock::now() - begin).count() / operations;
}

constexpr std::array kNames = {"start", "rearm", "start+stop", "stop", "fire"};

/// Deadlines are drawn beforehand, so that the heap alone is timed.
struct Deadlines {
  std::vector<std::int64_t> first, second;
};

std::array<double, kNames.size()> one_round(FourHeap& heap, const Deadlines& deadlines) {
  const auto timers = static_cast<std::uint32_t>(deadlines.first.size());
  const auto start_all = [&] {
    for (std::uint32_t id = 0; id < timers; ++id) heap.start(id, deadlines.first[id]);
  };
  std::array<double, kNames.size()> ns{};
  ns[0] = ns_per(timers, start_all);
  ns[1] = ns_per(timers, [&] {
    for (std::uint32_t id = 0; id < timers; ++id) heap.restart(id, deadlines.second[id]);
  });
  heap.stop(0);
  ns[2] = ns_per(timers, [&] {
    for (std::uint32_t i = 0; i < timers; ++i) {
      heap.start(0, deadlines.second[i]);
      heap.stop(0);
    }
  });
  heap.start(0, deadlines.second[0]);
  ns[3] = ns_per(timers, [&] {
    for (std::uint32_t id = 0; id < timers; ++id) heap.stop(id);
  });
  start_all();
  std::int64_t order = 0;
  ns[4] = ns_per(timers, [&] {
    while (!heap.empty()) {
      if (heap.first_deadline() < order) std::abort();
      order = heap.first_deadline();
      heap.stop(heap.first_id());
    }
  });
  return ns;
}

}  // namespace

int main(int argc, char** argv) {
  const auto timers =
      static_cast<std::uint32_t>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000);
  const std::size_t rounds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 20;
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::int64_t> deadline(0, 60'000'000'000);
  std::array<std::vector<double>, kNames.size()> all;
  FourHeap heap(timers);
  for (std::size_t round = 0; round < rounds; ++round) {
    Deadlines deadlines;
    for (std::uint32_t i = 0; i < timers; ++i) {
      deadlines.first.push_back(deadline(random));
      deadlines.second.push_back(60'000'000'000 + deadline(random));
    }
    const auto ns = one_round(heap, deadlines);
    for (std::size_t i = 0; i < ns.size(); ++i) all[i].push_back(ns[i]);
  }
  for (std::size_t i = 0; i < all.size() && rounds > 0; ++i) {
    std::ranges::sort(all[i]);
    std::printf("%-10s %7.1f ns (least %.1f)\n", kNames[i], all[i][rounds / 2], all[i].front());
  }
}
