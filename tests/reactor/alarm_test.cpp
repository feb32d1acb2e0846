#include "reactor/alarm.h"

#include <criterion/criterion.h>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "reactor/reactor.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/scripted_selector.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

/// Turns enough for a timer that stays the next one to need no time-out any more.
constexpr int kMany = 20;

/// A Reactor that tells which time-outs it waits with.
struct Scripted {
  explicit Scripted(FakeClock* clock = nullptr)
      : made(std::make_unique<ScriptedSelector>(clock)),
        selector(*made),
        reactor({.custom = std::move(made), .clock = clock}) {}

  std::unique_ptr<ScriptedSelector> made;
  ScriptedSelector& selector;
  Reactor reactor;
};

/// Whether waiting for as long as it takes brings `done` within `turns` turns.
template <class Done>
bool comes_within(Reactor& reactor, int turns, Done done) {
  for (; turns > 0 && !done(); --turns) cr_assert(reactor.run_once());
  return done();
}

}  // namespace

Test(alarm, takes_the_place_of_the_time_out_of_a_timer_that_stays_the_next) {
  Scripted scene;
  const Timer timer = scene.reactor.after(1h, [] {});
  for (int i = 0; i < kMany; ++i) cr_assert(scene.reactor.run_once());
  const auto& waits = scene.selector.waits;
  cr_assert(waits.front() > 59min && waits.front() <= 1h);
  cr_assert(waits.back() < 0s, "as long as it takes");
}

Test(alarm, is_not_set_anew_for_timers_that_change_with_each_turn) {
  Scripted scene;
  Timer timer = scene.reactor.timer([] {});
  for (int i = 0; i < kMany; ++i) {
    timer.start(1h);
    cr_assert(scene.reactor.run_once());
    cr_expect(scene.selector.waits.back() > 59min);
  }
}

Test(alarm, leaves_a_clock_of_somebodys_own_alone) {
  FakeClock clock;
  Scripted scene(&clock);
  const Timer timer = scene.reactor.after(1h, [] {});
  for (int i = 0; i < kMany; ++i) {
    scene.selector.then({});
    cr_assert(scene.reactor.run_once());
  }
  cr_expect(scene.selector.waits.back() == 1h);
}

TestEachSelector(alarm, wakes_the_loop_when_the_timer_is_due_and_not_before) {
  Reactor reactor({.selector = kind});
  const TimePoint began = reactor.now();
  TimePoint fired{};
  const Timer timer = reactor.after(50ms, [&] { fired = reactor.now(); });
  turn(reactor, kMany);
  cr_assert(comes_within(reactor, 1, [&] { return fired != TimePoint{}; }));
  cr_expect(fired - began >= 50ms);
}

Test(alarm, misses_no_timer_that_is_due_earlier) {
  Reactor reactor;
  const Timer late = reactor.after(1h, [] {});
  turn(reactor, kMany);
  bool fired = false;
  const Timer early = reactor.after(5ms, [&] { fired = true; });
  cr_assert(comes_within(reactor, 1, [&] { return fired; }));
}

Test(alarm, misses_no_timer_that_is_due_later_than_one_that_was_stopped) {
  Reactor reactor;
  Timer early = reactor.after(100ms, [] {});
  turn(reactor, kMany);
  early.stop();
  int fired = 0;
  const Timer late = reactor.every(60ms, [&] { ++fired; });
  cr_assert(comes_within(reactor, 4, [&] { return fired == 3; }), "one more turn at most");
}

Test(alarm, wakes_for_each_of_many_timers) {
  Reactor reactor;
  int fired = 0;
  std::vector<Timer> timers;
  for (int i = 0; i < 10; ++i) {
    timers.push_back(reactor.after(5ms * i, [&] { ++fired; }));
  }
  while (fired < 10) turn(reactor);  // which does not wait
  cr_assert(fired == 10);
  for (Timer& timer : timers) timer.start(5ms);
  turn(reactor, kMany);
  cr_assert(comes_within(reactor, 10, [&] { return fired == 20; }));
}
