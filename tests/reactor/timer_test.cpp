#include "reactor/timer.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/support/fake_clock.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

/// A queue without a Reactor, and the hands of its clock.
struct Fixture {
  FakeClock clock;
  TimerQueue queue{clock};
  std::string fired;

  Timer named(char name) {
    return Timer(queue, [this, name] { fired += name; });
  }
  /// A turn `by` later.
  std::size_t pass(Duration by) {
    clock.advance(by);
    queue.hold_time();
    const std::size_t called = queue.run_due();
    queue.release_time();
    return called;
  }
};

constexpr std::uint32_t kSeed = 20240607;

}  // namespace

Test(timer, fires_equal_deadlines_in_the_order_of_starting) {
  Fixture f;
  std::vector<Timer> timers;
  for (const char name : std::string("abcdefgh")) timers.push_back(f.named(name));
  for (const int i : {3, 0, 7, 1, 5, 2, 6, 4}) timers[static_cast<std::size_t>(i)].start(5ms);
  cr_expect(f.pass(5ms) == 8);
  cr_expect(f.fired == "dahbfcge", "%s", f.fired.c_str());
}

Test(timer, never_fires_early_and_fires_once) {
  Fixture f;
  Timer timer = f.named('a');
  timer.start(10ms);
  cr_expect(timer.armed());
  f.pass(10ms - 1ns);
  cr_expect(f.fired == "");
  f.pass(1ns);
  cr_expect(f.fired == "a");
  cr_expect(!timer.armed());
  f.pass(1h);
  cr_expect(f.fired == "a");
}

Test(timer, takes_a_negative_delay_for_none) {
  Fixture f;
  Timer timer = f.named('a');
  timer.start(-5s);
  f.pass(0ns);
  cr_expect(f.fired == "a");
}

Test(timer, counts_from_the_latest_start) {
  Fixture f;
  Timer timer = f.named('a');
  timer.start(10ms);
  f.pass(5ms);
  timer.start(10ms);
  f.pass(5ms);
  cr_expect(f.fired == "");
  timer.start(1ms);
  f.pass(1ms);
  cr_expect(f.fired == "a");
}

Test(timer, can_be_started_for_the_end_of_time) {
  Fixture f;
  Timer never = f.named('n'), other = f.named('o');
  never.start(Duration::max());
  other.start(1ms);
  cr_expect(f.pass(1h) == 1);
  cr_expect(f.fired == "o");
  cr_expect(never.armed());
  cr_expect(f.queue.next_deadline() > f.clock.now() + 24h * 365 * 100);
  never.start(1ms);
  f.pass(1ms);
  cr_expect(f.fired == "on");
}

Test(timer, can_be_stopped_by_another_one_due_in_the_same_turn) {
  Fixture f;
  Timer second = f.named('b');
  Timer first(f.queue, [&] {
    f.fired += 'a';
    cr_expect(second.armed());
    second.stop();
    cr_expect(!second.armed());
  });
  first.start(1ms);
  second.start(2ms);
  cr_expect(f.pass(5ms) == 1);
  cr_expect(f.fired == "a");
  f.pass(1h);
  cr_expect(f.fired == "a");
}

Test(timer, that_is_due_can_be_put_off_by_another_one) {
  Fixture f;
  Timer second = f.named('b');
  Timer first(f.queue, [&] { second.start(10ms); });
  first.start(1ms);
  second.start(1ms);
  f.pass(1ms);
  cr_expect(f.fired == "");
  f.pass(10ms);
  cr_expect(f.fired == "b");
}

Test(timer, can_start_itself_anew_in_its_own_call) {
  Fixture f;
  Timer timer;
  timer = Timer(f.queue, [&] {
    f.fired += 'a';
    timer.start(3ms);
  });
  timer.start(1ms);
  f.pass(1ms);
  cr_expect(timer.armed());
  f.pass(2ms);
  cr_expect(f.fired == "a");
  f.pass(1ms);
  cr_expect(f.fired == "aa");
}

Test(timer, with_no_delay_waits_for_the_next_turn) {
  Fixture f;
  Timer timer;
  timer = Timer(f.queue, [&] {
    f.fired += 'a';
    timer.start(0ns);
  });
  timer.start(0ns);
  for (int turn = 1; turn <= 3; ++turn) cr_expect(f.pass(0ns) == 1, "turn %d", turn);
  cr_expect(f.fired == "aaa");
}

Test(timer, can_be_destroyed_in_its_own_call) {
  Fixture f;
  auto timer = std::make_unique<Timer>();
  const std::string captured(100, 'x');
  auto holder = std::make_unique<std::string>(captured);
  *timer = Timer(f.queue, [&timer, &f, holder = std::move(holder)] {
    timer.reset();
    f.fired += holder->back();  // the closure lives until it returns
  });
  timer->start(1ms);
  f.pass(1ms);
  cr_expect(f.fired == "x");
  Timer next = f.named('n');  // takes the place that became free
  next.start(1ms);
  f.pass(1ms);
  cr_expect(f.fired == "xn");
}

Test(timer, can_be_replaced_in_its_own_call) {
  Fixture f;
  Timer timer;
  timer = Timer(f.queue, [&] {
    timer = f.named('b');
    timer.start(1ms);
    f.fired += 'a';
  });
  timer.start(1ms);
  f.pass(1ms);
  f.pass(1ms);
  cr_expect(f.fired == "ab");
}

Test(timer, can_destroy_another_one_that_is_due_and_make_a_third_in_its_place) {
  Fixture f;
  Timer third;
  auto second = std::make_unique<Timer>(f.named('b'));
  Timer first(f.queue, [&] {
    second.reset();
    third = f.named('c');
    third.start(0ns);
  });
  first.start(1ms);
  second->start(1ms);
  cr_expect(f.pass(1ms) == 1);
  cr_expect(f.fired == "", "the new owner of the place is not called for the old one");
  f.pass(0ns);
  cr_expect(f.fired == "c");
}

Test(timer, keeps_firing_after_it_was_moved) {
  Fixture f;
  Timer first = f.named('a');
  first.start(1ms);
  Timer second = std::move(first);
  // NOLINTBEGIN(bugprone-use-after-move,clang-analyzer-cplusplus.Move): it is empty, as promised
  cr_expect(!first);
  cr_expect(!first.armed());
  first.stop();
  // NOLINTEND(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
  cr_expect(second.armed());
  f.pass(1ms);
  cr_expect(f.fired == "a");
}

Test(timer, does_not_fire_once_destroyed) {
  Fixture f;
  {
    Timer timer = f.named('a');
    timer.start(1ms);
  }
  cr_expect(f.queue.empty());
  f.pass(1ms);
  cr_expect(f.fired == "");
}

Test(timer, keeps_its_grid_and_counts_the_ticks_it_missed) {
  Fixture f;
  std::vector<std::uint64_t> missed;
  Timer timer;
  timer = Timer(f.queue, [&] { missed.push_back(timer.missed()); });
  timer.start_every(10ms);
  f.pass(10ms);
  f.pass(13ms);  // 23: the tick of 20, late
  f.pass(6ms);   // 29
  f.pass(1ms);   // 30: on the grid again
  f.pass(38ms);  // 68: the ticks of 40, 50 and 60 as one
  f.pass(1ms);   // 69
  f.pass(1ms);   // 70
  cr_expect(missed == std::vector<std::uint64_t>({0, 0, 0, 2, 0}));
}

Test(timer, that_is_periodic_can_stop_or_become_single_in_its_own_call) {
  Fixture f;
  Timer stops;
  stops = Timer(f.queue, [&] {
    f.fired += 's';
    stops.stop();
  });
  Timer single;
  single = Timer(f.queue, [&] {
    f.fired += 'o';
    if (f.fired.size() < 4) single.start(5ms);
  });
  stops.start_every(10ms);
  single.start_every(10ms);
  f.pass(10ms);
  f.pass(5ms);
  f.pass(1h);
  cr_expect(f.fired == "soo" || f.fired == "sooo", "%s", f.fired.c_str());
  f.pass(1h);
  cr_expect(!stops.armed());
}

Test(timer, that_is_new_has_missed_nothing) {
  Fixture f;
  {
    Timer late = f.named('a');
    late.start_every(1ms);
    f.pass(10ms);
    cr_expect(late.missed() == 9);
  }
  Timer fresh = f.named('b');
  cr_expect(fresh.missed() == 0, "nothing is inherited with the place");
}

Test(timer, fires_a_hundred_thousand_in_order) {
  Fixture f;
  std::mt19937 random(kSeed);
  struct Due {
    std::int64_t at;
    int index;
  };
  std::vector<Due> expected;
  std::vector<int> fired;
  std::vector<Timer> timers;
  for (int i = 0; i < 100'000; ++i) {
    timers.emplace_back(f.queue, [&fired, i] { fired.push_back(i); });
    const auto at = static_cast<std::int64_t>(random() % 50'000);
    timers.back().start(std::chrono::microseconds(at));
    expected.push_back({at, i});
  }
  std::stable_sort(expected.begin(), expected.end(),
                   [](const Due& a, const Due& b) { return a.at < b.at; });
  for (int i = 0; i < 50; ++i) f.pass(1ms);
  cr_assert(fired.size() == expected.size());
  for (std::size_t i = 0; i < fired.size(); ++i) {
    cr_assert(fired[i] == expected[i].index, "place %zu, seed %u", i, kSeed);
  }
}

Test(timer, stays_in_order_under_random_starts_stops_and_destructions) {
  Fixture f;
  std::mt19937 random(kSeed);
  using Due = std::pair<TimePoint, std::uint64_t>;  // and the order of starting
  std::vector<Timer> timers(200);
  std::map<Due, std::size_t> model;
  std::vector<Due> due_of(timers.size());
  std::vector<std::size_t> fired, expected;
  std::uint64_t order = 0;
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t i = random() % timers.size();
    model.erase(due_of[i]);
    due_of[i] = {};
    switch (random() % 4) {
      case 0:
        timers[i].stop();
        break;
      case 1:
        timers[i] = Timer(f.queue, [&fired, i] { fired.push_back(i); });
        break;
      default:
        if (!timers[i]) timers[i] = Timer(f.queue, [&fired, i] { fired.push_back(i); });
        const auto delay = std::chrono::microseconds(random() % 300);
        timers[i].start(delay);
        due_of[i] = {f.clock.now() + delay, ++order};
        model[due_of[i]] = i;
    }
    if (random() % 8 == 0) {
      f.pass(std::chrono::microseconds(random() % 40));
      while (!model.empty() && model.begin()->first.first <= f.clock.now()) {
        expected.push_back(model.begin()->second);
        due_of[model.begin()->second] = {};
        model.erase(model.begin());
      }
      cr_assert(fired == expected, "step %d, seed %u", step, kSeed);
    }
    cr_assert(f.queue.empty() == model.empty(), "step %d, seed %u", step, kSeed);
    if (!model.empty()) cr_assert(f.queue.next_deadline() == model.begin()->first.first);
  }
}
