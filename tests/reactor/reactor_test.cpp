#include "reactor/reactor.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/no_descriptors.h"
#include "tests/support/scripted_selector.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

/// Appends a letter when told, and one when destroyed.
struct Scribe final : IoHandler {
  Scribe(std::string& to, char when_read, char when_written)
      : text(&to), read(when_read), written(when_written) {}
  void on_readable() noexcept override { *text += read; }
  void on_writable() noexcept override { *text += written; }
  std::string* text;
  char read, written;
};

struct Dying {
  explicit Dying(std::string& to) : text(&to) {}
  ~Dying() { *text += 'X'; }
  std::string* text;
};

}  // namespace

TestEachSelector(reactor, keeps_the_order_of_a_turn) {
  Reactor reactor({.selector = kind});
  std::string order;
  Pair pair = unix_pair();
  send_text(pair.theirs.get(), "x");
  cr_assert(reactor.on_signal(SIGUSR1, [&] { order += 's'; }));
  Scribe scribe(order, 'r', 'w');
  const auto watch = reactor.watch(pair.ours.get(), Interest::read_write, scribe);
  cr_assert(watch);
  reactor.post([&] {
    order += 'p';
    reactor.post([&] { order += 'P'; });
  });
  reactor.retire(std::make_unique<Dying>(order));
  const Timer timer = reactor.after(0ns, [&] { order += 't'; });
  raise(SIGUSR1);
  turn(reactor);
  cr_expect(order == "rwstpX", "%s", order.c_str());
  order.clear();
  turn(reactor);
  cr_expect(order == "rwP", "%s", order.c_str());
}

TestEachSelector(reactor, waits_no_longer_than_told) {
  Reactor reactor({.selector = kind});
  const auto began = std::chrono::steady_clock::now();
  cr_assert(reactor.run_once(15ms));
  cr_expect(std::chrono::steady_clock::now() - began >= 15ms);
  bool fired = false;
  const Timer timer = reactor.after(5ms, [&] { fired = true; });
  cr_assert(reactor.run_once());
  cr_expect(fired, "without a bound it waits for the timer");
}

Test(reactor, asks_the_selector_for_the_right_time) {
  FakeClock clock;
  auto made = std::make_unique<ScriptedSelector>(&clock);
  ScriptedSelector& script = *made;
  Reactor reactor({.custom = std::move(made), .clock = &clock});
  const auto asked = [&](Duration at_most) {
    cr_assert(reactor.run_once(at_most));
    return script.waits.back();
  };
  cr_expect(asked(7ms) == 7ms);
  script.then({});
  cr_expect(asked(-1ns) < 0ns, "nothing to do: as long as it takes");
  int fired = 0;
  Timer timer = reactor.after(3ms, [&] { ++fired; });
  cr_expect(asked(1ms) == 1ms);
  cr_expect(fired == 0);
  cr_expect(asked(-1ns) == 2ms);
  cr_expect(fired == 1);
  reactor.post([] {});
  cr_expect(asked(-1ns) == 0ns);
  reactor.retire(std::make_unique<int>(1));
  cr_expect(asked(-1ns) == 0ns);
  timer.start(5ms);
  clock.advance(10ms);
  cr_expect(asked(-1ns) == 0ns, "what is overdue is not waited for");
  cr_expect(fired == 2);
}

Test(reactor, holds_the_time_within_a_turn_only) {
  FakeClock clock;
  Reactor reactor({.custom = std::make_unique<ScriptedSelector>(&clock), .clock = &clock});
  TimePoint first{}, second{};
  reactor.post([&] {
    first = reactor.now();
    clock.advance(1s);
    second = reactor.now();
  });
  turn(reactor);
  cr_expect(first == second);
  cr_expect(reactor.now() == clock.now());
  cr_expect(reactor.stats().slowest_turn == 1s);
  cr_expect(reactor.stats().busy == 1s);
}

Test(reactor, passes_on_the_failure_of_a_wait) {
  auto made = std::make_unique<ScriptedSelector>();
  ScriptedSelector& script = *made;
  Reactor reactor({.custom = std::move(made)});
  bool posted = false;
  script.then_fail(ENOMEM);
  reactor.post([&] { posted = true; });
  const auto turned = reactor.run();
  cr_assert(!turned);
  cr_expect(turned.error().code == ENOMEM);
  cr_expect(posted, "what was posted is not lost");
}

Test(reactor, tries_a_refused_change_of_interest_again) {
  FakeClock clock;
  auto made = std::make_unique<ScriptedSelector>(&clock);
  ScriptedSelector& script = *made;
  Reactor reactor({.custom = std::move(made), .clock = &clock});
  IoHandler nobody;
  auto watch = reactor.watch(0, Interest::read, nobody);
  cr_assert(watch);
  script.refuse = ENOMEM;
  watch->set_interest(Interest::write);
  cr_assert(reactor.run_once());
  cr_expect(script.waits.back() > 0ns && script.waits.back() <= 1s, "it does not spin");
  cr_expect(reactor.stats().interest_refused == 1);
  script.refuse = 0;
  turn(reactor);
  cr_expect(reactor.stats().interest_refused == 1);
  cr_expect(reactor.selector().get_key(0)->applied == Interest::write);
}

TestEachSelector(reactor, runs_what_was_posted_in_a_post_in_the_next_turn) {
  Reactor reactor({.selector = kind});
  Pair pair = unix_pair();
  send_text(pair.theirs.get(), "x");
  int posts = 0, reads = 0;
  const auto watch = reactor.on_readable(pair.ours.get(), [&] { ++reads; });
  std::function<void()> again = [&] {
    ++posts;
    reactor.post([&] { again(); });
  };
  again();
  for (int i = 1; i <= 5; ++i) {
    turn(reactor);
    cr_expect(posts == i + 1);
    cr_expect(reads == i, "a call that posts itself for ever does not keep I/O waiting");
  }
}

TestEachSelector(reactor, is_woken_by_a_post_from_another_thread) {
  Reactor reactor({.selector = kind});
  const auto here = std::this_thread::get_id();
  std::thread::id there;
  std::thread other([&] {
    reactor.post([&] {
      there = std::this_thread::get_id();
      reactor.stop();
    });
  });
  cr_assert(reactor.run());
  other.join();
  cr_expect(there == here);
}

Test(reactor, runs_what_another_thread_posted_before_the_end) {
  Reactor reactor;
  bool ran = false;
  reactor.post([&] {
    std::thread([&] { reactor.post([&] { ran = true; }); }).join();
    reactor.stop();
  });
  cr_assert(reactor.run());
  cr_expect(ran);
}

TestEachSelector(reactor, stops_with_the_turn_and_can_run_again) {
  Reactor reactor({.selector = kind});
  std::string order;
  const Timer timer = reactor.after(0ns, [&] {
    order += 't';
    reactor.stop();
    reactor.post([&] {
      order += 'p';
      reactor.post([&] { order += 'P'; });
      reactor.retire(std::make_unique<Dying>(order));
    });
  });
  cr_assert(reactor.run());
  cr_expect(order.size() == 4 && order.starts_with("tp"), "%s", order.c_str());
  cr_expect(order.find('P') != std::string::npos && order.find('X') != std::string::npos);
  reactor.post([&] { reactor.stop(); });
  cr_assert(reactor.run());
}

Test(reactor, returns_from_run_even_when_a_post_posts_itself_for_ever) {
  Reactor reactor;
  std::function<void()> again = [&] { reactor.post([&] { again(); }); };
  again();
  reactor.stop();
  cr_assert(reactor.run());
}

Test(reactor, ignores_sigpipe_only_where_it_stood_at_its_default) {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  sigaction(SIGPIPE, &action, nullptr);
  {
    const Reactor reactor;
    sigaction(SIGPIPE, nullptr, &action);
    cr_expect(action.sa_handler == SIG_IGN);
  }
  const auto mine = [](int) {};
  action.sa_handler = mine;
  sigaction(SIGPIPE, &action, nullptr);
  const Reactor reactor;
  sigaction(SIGPIPE, nullptr, &action);
  cr_expect(action.sa_handler == static_cast<void (*)(int)>(mine));
}

Test(reactor, checks_that_it_is_not_run_in_a_child) {
  Reactor reactor;
  const pid_t child = fork();
  if (child == 0) {
    const Fd quiet(open("/dev/null", O_WRONLY));
    if (quiet) dup2(quiet.get(), STDERR_FILENO);
    reactor.post([&] { reactor.stop(); });
    (void)reactor.run();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

Test(reactor, says_why_when_the_system_gave_it_no_descriptor) {
  const Pair pair = unix_pair();
  {
    Reactor before;
    turn(before);
  }
  std::optional<NoDescriptors> none(std::in_place);
  Reactor reactor;
  none.reset();
  const auto turned = reactor.run();
  cr_assert(!turned);
  cr_expect(turned.error().code == EMFILE);
  IoHandler nobody;
  cr_expect(!reactor.watch(pair.ours.get(), Interest::read, nobody));
}
