#include "reactor/busy_poll.h"

#include <criterion/criterion.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "reactor/reactor.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/scripted_selector.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

constexpr int kFd = 5;

/// A BusyPoll over a Selector that tells which time-outs it was given.
struct Scene {
  Scene() {
    cr_assert(selector.add(kFd, Interest::read, this));
    selector.while_waiting = [this] { clock.advance(look); };
  }

  /// A wait with nothing expected, or after expect(); how often it looked before it slept, if it
  /// slept.
  std::size_t wait(Duration timeout = -1s) {
    selector.waits.clear();
    const auto ready = poll.select(selector, timeout);
    cr_assert(ready);
    found = !ready->empty();
    return static_cast<std::size_t>(std::ranges::count(selector.waits, 0s));
  }
  std::size_t wait_expecting(Duration answer = 50us) {
    poll.expect(answer);
    return wait();
  }
  bool slept() const { return selector.waits.back() < 0s; }
  /// Waits, with an answer expected each time, until one looks; how many slept at once.
  unsigned rest() {
    for (unsigned slept_at_once = 0; slept_at_once < 2 * BusyPoll::kMostRest; ++slept_at_once) {
      if (wait_expecting() != 0) return slept_at_once;
    }
    cr_assert_fail("it looks no more");
  }
  /// A look that finds something at once.
  void succeed() {
    selector.then({{kFd, Interest::read}});
    wait_expecting();
    cr_assert(found && !slept());
  }

  FakeClock clock;
  Duration look = 1us;  // that a wait takes
  ScriptedSelector selector;
  BusyPoll poll{clock};
  bool found = false;
};

}  // namespace

Test(busy_poll, sleeps_at_once_where_nothing_is_expected) {
  Scene scene;
  cr_expect(scene.wait() == 0);
  cr_expect(scene.slept());
}

Test(busy_poll, looks_before_it_sleeps_where_an_answer_is_near) {
  Scene scene;
  cr_expect(scene.wait_expecting(20us) == 40);
  cr_expect(scene.slept(), "once the answer takes twice as long");
}

Test(busy_poll, gives_what_it_finds_without_having_slept) {
  Scene scene;
  scene.selector.then({});
  scene.selector.then({});
  scene.selector.then({{kFd, Interest::read}});
  cr_expect(scene.wait_expecting(BusyPoll::kLongest) == 3);
  cr_expect(scene.found);
  cr_expect(!scene.slept());
}

Test(busy_poll, expects_for_one_wait_only) {
  Scene scene;
  scene.succeed();
  cr_expect(scene.wait() == 0);
}

Test(busy_poll, sleeps_for_an_answer_that_takes_long) {
  Scene scene;
  cr_expect(scene.wait_expecting(BusyPoll::kLongest + 1ns) == 0);
  cr_expect(scene.slept());
}

Test(busy_poll, looks_no_longer_than_the_wait_is_to_last) {
  Scene scene;
  scene.poll.expect(50us);
  cr_expect(scene.wait(10us) == 10);
}

Test(busy_poll, does_not_look_where_the_wait_is_only_a_look) {
  Scene scene;
  scene.poll.expect(50us);
  cr_expect(scene.wait(0s) == 1);
}

Test(busy_poll, tells_that_the_wait_fails_while_it_looks) {
  Scene scene;
  scene.selector.then({});
  scene.selector.then_fail(EBADF);
  scene.poll.expect(BusyPoll::kLongest);
  const auto ready = scene.poll.select(scene.selector, -1s);
  cr_assert(!ready);
  cr_expect(ready.error().code == EBADF);
}

Test(busy_poll, leaves_out_twice_as_many_waits_after_each_look_in_vain) {
  Scene scene;
  cr_expect(scene.rest() == 0);
  for (unsigned expected = 1; expected <= BusyPoll::kMostRest; expected *= 2) {
    cr_expect(scene.rest() == expected, "%u", expected);
  }
  cr_expect(scene.rest() == BusyPoll::kMostRest);
}

Test(busy_poll, trusts_again_where_looks_in_a_row_succeed) {
  Scene scene;
  for (unsigned expected : {0U, 1U, 2U, 4U}) cr_assert(scene.rest() == expected);
  for (unsigned left = 8; left != 0; --left) cr_assert(scene.wait_expecting() == 0);
  for (unsigned i = 0; i < 4 * BusyPoll::kRow; ++i) scene.succeed();
  cr_expect(scene.rest() == 0);
  cr_expect(scene.rest() == 1, "as after the first one in vain");
}

Test(busy_poll, rests_long_where_others_had_the_processor_during_a_look) {
  Scene scene;
  scene.look = BusyPoll::kPreempted + 1ns;
  scene.succeed();
  scene.look = 1us;
  cr_expect(scene.rest() == BusyPoll::kMostRest);
}

TestEachSelector(busy_poll, sees_an_answer_that_is_expected_in_a_reactor) {
  Reactor reactor({.selector = kind});
  const Fd event(eventfd(0, EFD_NONBLOCK));
  bool seen = false;
  auto watch = reactor.on_readable(event.get(), [&] { seen = true; });
  cr_assert(watch);
  const std::uint64_t one = 1;
  cr_assert(write(event.get(), &one, sizeof one) == sizeof one);
  reactor.expect_answer(50us);
  cr_assert(reactor.run_once());
  cr_expect(seen);
}

TestEachSelector(busy_poll, does_not_keep_a_timer_waiting) {
  Reactor reactor({.selector = kind});
  bool fired = false;
  const Timer timer = reactor.after(1ms, [&] { fired = true; });
  for (int turns = 0; turns < 1000 && !fired; ++turns) {
    reactor.expect_answer(BusyPoll::kLongest);
    cr_assert(reactor.run_once());
  }
  cr_expect(fired);
}
