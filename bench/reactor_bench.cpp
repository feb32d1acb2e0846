// What the Reactor's own operations cost, on each of the three selectors.
//
// Usage: reactor_bench [--benchmark_filter=REGEX] …     (see Google Benchmark's user guide)
//
// Names are OPERATION/SELECTOR/numbers. Watched descriptors are eventfds; a ready one holds a
// count that nobody reads, so it is ready in every turn.

#include <benchmark/benchmark.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "reactor/reactor.h"

namespace {

using sluice::Duration;
using sluice::Fd;
using sluice::Interest;
using sluice::Reactor;
using sluice::SelectorKind;
using sluice::Timer;
using sluice::Watch;
using namespace std::chrono_literals;

struct Counter final : sluice::IoHandler {
  void on_readable() noexcept override { ++calls; }
  void on_writable() noexcept override { ++calls; }
  std::uint64_t calls = 0;
};

Watch watch(Reactor& reactor, const Fd& fd, sluice::IoHandler& handler) {
  auto made = reactor.watch(fd.get(), Interest::read, handler);
  if (!made) std::abort();
  return std::move(*made);
}

/// `count` watched descriptors, the first `ready` of them ready.
struct Crowd {
  Crowd(Reactor& reactor, std::size_t count, std::size_t ready = 0) {
    for (std::size_t i = 0; i < count; ++i) {
      fds.emplace_back(eventfd(i < ready ? 1 : 0, EFD_NONBLOCK | EFD_CLOEXEC));
      watches.push_back(watch(reactor, fds.back(), counter));
    }
  }

  Counter counter;
  std::vector<Fd> fds;
  std::vector<Watch> watches;
};

void watch_and_unwatch(benchmark::State& state, SelectorKind kind, std::size_t others) {
  Reactor reactor({.selector = kind});
  const Crowd crowd(reactor, others);
  const Fd fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  Counter counter;
  for (auto _ : state) benchmark::DoNotOptimize(watch(reactor, fd, counter));
}

void change_interest_and_flush(benchmark::State& state, SelectorKind kind, std::size_t others) {
  Reactor reactor({.selector = kind});
  Crowd crowd(reactor, others);
  bool writes = false;
  for (auto _ : state) {
    writes = !writes;
    crowd.watches.front().set_interest(writes ? Interest::read_write : Interest::read);
    reactor.selector().flush();
  }
}

void change_and_change_back(benchmark::State& state, SelectorKind kind, std::size_t others) {
  Reactor reactor({.selector = kind});
  Crowd crowd(reactor, others);
  const std::uint64_t calls = reactor.selector().kernel_calls();
  for (auto _ : state) {
    crowd.watches.front().set_interest(Interest::read_write);
    crowd.watches.front().set_interest(Interest::read);
    reactor.selector().flush();
  }
  if (reactor.selector().kernel_calls() != calls) state.SkipWithError("the kernel was told");
}

void turn(benchmark::State& state, SelectorKind kind, std::size_t ready, std::size_t watched) {
  Reactor reactor({.selector = kind});
  const Crowd crowd(reactor, watched, ready);
  for (auto _ : state) {
    if (!reactor.run_once(0ns)) std::abort();
  }
  const auto turns = static_cast<std::uint64_t>(state.iterations());
  if (crowd.counter.calls != turns * ready) state.SkipWithError("not every event was dispatched");
  state.SetItemsProcessed(static_cast<std::int64_t>(crowd.counter.calls));
}

/// A turn always looks at the descriptors too: with many calls in it, the calls themselves show.
void posted_calls(benchmark::State& state, SelectorKind kind, std::size_t posts) {
  Reactor reactor({.selector = kind});
  std::uint64_t calls = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < posts; ++i) reactor.post([&calls] { ++calls; });
    if (!reactor.run_once(0ns)) std::abort();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(calls));
}

std::vector<Timer> armed_timers(Reactor& reactor, std::size_t count) {
  std::vector<Timer> timers;
  timers.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    // A prime step scatters the deadlines over the minute after the first.
    timers.push_back(reactor.after(1min + i * 7'368'787us % 1min, [] {}));
  }
  return timers;
}

void timer_start_and_stop(benchmark::State& state, std::size_t others) {
  Reactor reactor;
  reactor.timers().hold_time();
  const auto armed = armed_timers(reactor, others);
  Timer timer = reactor.timer([] {});
  for (auto _ : state) {
    timer.start(90s);
    timer.stop();
  }
}

void timer_rearm(benchmark::State& state, std::size_t others) {
  Reactor reactor;
  reactor.timers().hold_time();
  auto armed = armed_timers(reactor, others);
  Duration delay = 2min;
  for (std::size_t i = 0; auto _ : state) {
    armed[i].start(delay += 1us);
    if (++i == armed.size()) i = 0;
  }
}

void timer_make_and_destroy(benchmark::State& state, std::size_t others) {
  Reactor reactor;
  const auto armed = armed_timers(reactor, others);
  for (auto _ : state) {
    Timer timer = reactor.timer([&state] { state.SkipWithError("fired"); });
    benchmark::DoNotOptimize(timer);
  }
}

std::string numbered(const std::string& name, const char* what, std::size_t number) {
  return name + '/' + what + ':' + std::to_string(number);
}

void register_for(SelectorKind kind, const std::string& selector, std::size_t most) {
  for (const std::size_t others : {std::size_t{1}, most}) {
    for (const auto& [name, run] : {std::pair{"watch+unwatch", &watch_and_unwatch},
                                    std::pair{"interest+flush", &change_interest_and_flush},
                                    std::pair{"interest,no_change", &change_and_change_back}}) {
      benchmark::RegisterBenchmark(numbered(name + selector, "others", others).c_str(), run, kind,
                                   others);
    }
  }
  for (const std::size_t posts : {1, 100}) {
    benchmark::RegisterBenchmark(numbered("turn" + selector, "posted_calls", posts).c_str(),
                                 posted_calls, kind, posts);
  }
  for (const std::size_t watched : {std::size_t{100}, most}) {
    for (const std::size_t ready : {0, 1, 100}) {
      const std::string name = numbered("turn" + selector, "ready", ready);
      benchmark::RegisterBenchmark(numbered(name, "of", watched).c_str(), turn, kind, ready,
                                   watched);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
  const std::size_t most = descriptors.rlim_cur > 10'100 ? 10'000 : 900;

  register_for(SelectorKind::epoll, "/epoll", most);
  register_for(SelectorKind::poll, "/poll", most);
  register_for(SelectorKind::select, "/select", FD_SETSIZE - 24);
  for (const std::size_t others : {1, 1'000, 100'000}) {
    for (const auto& [name, run] : {std::pair{"timer/start+stop", &timer_start_and_stop},
                                    std::pair{"timer/rearm", &timer_rearm},
                                    std::pair{"timer/make+destroy", &timer_make_and_destroy}}) {
      benchmark::RegisterBenchmark(numbered(name, "armed", others).c_str(), run, others);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
