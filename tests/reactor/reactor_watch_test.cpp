#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "reactor/reactor.h"
#include "tests/support/loop.h"
#include "tests/support/scripted_selector.h"
#include "tests/support/sockets.h"

/// Who is called for what, when registrations end and numbers are given out anew.
using namespace sluice;
using namespace std::chrono_literals;

namespace {

struct Actor final : IoHandler {
  std::function<void()> when_readable = [] {};
  std::function<void()> when_writable = [] {};
  int reads = 0, writes = 0;
  Fd fd;
  Watch watch;

  void on_readable() noexcept override {
    ++reads;
    when_readable();
  }
  void on_writable() noexcept override {
    ++writes;
    when_writable();
  }
  void start(Reactor& reactor, Fd taken, Interest interest) {
    fd = std::move(taken);
    auto made = reactor.watch(fd.get(), interest, *this);
    cr_assert(made);
    watch = std::move(*made);
  }
};

}  // namespace

Test(watch, lets_no_event_reach_the_next_owner_of_a_number) {
  auto made = std::make_unique<ScriptedSelector>();
  ScriptedSelector& script = *made;
  Reactor reactor({.custom = std::move(made)});
  Actor a, old_owner, new_owner;
  constexpr int kFirst = 500, kNumber = 501;
  a.watch = *reactor.watch(kFirst, Interest::read, a);
  old_owner.watch = *reactor.watch(kNumber, Interest::read_write, old_owner);
  a.when_readable = [&] {
    old_owner.watch.reset();
    new_owner.watch = *reactor.watch(kNumber, Interest::read_write, new_owner);
  };
  script.then({{kFirst, Interest::read}, {kNumber, Interest::read_write}});
  turn(reactor);
  cr_expect(old_owner.reads + old_owner.writes == 0);
  cr_expect(new_owner.reads + new_owner.writes == 0);
  cr_expect(reactor.stats().stale_events == 1);
  cr_expect(reactor.stats().events == 2);
  script.then({{kNumber, Interest::read}});
  turn(reactor);
  cr_expect(new_owner.reads == 1);
}

Test(watch, lets_no_write_event_reach_the_next_owner_either) {
  auto made = std::make_unique<ScriptedSelector>();
  ScriptedSelector& script = *made;
  Reactor reactor({.custom = std::move(made)});
  Actor old_owner, new_owner;
  constexpr int kNumber = 500;
  old_owner.watch = *reactor.watch(kNumber, Interest::read_write, old_owner);
  old_owner.when_readable = [&] {
    old_owner.watch.reset();
    new_owner.watch = *reactor.watch(kNumber, Interest::read_write, new_owner);
  };
  script.then({{kNumber, Interest::read_write}});
  turn(reactor);
  cr_expect(old_owner.reads == 1 && old_owner.writes == 0);
  cr_expect(new_owner.reads + new_owner.writes == 0);
}

TestEachSelector(watch, survives_the_reuse_of_a_real_number_within_a_batch) {
  Reactor reactor({.selector = kind});
  Pair one = unix_pair(), two = unix_pair(), fresh = unix_pair();
  Actor first, second, heir;
  const auto swap_other = [&](Actor& other) {
    if (heir.fd) return;
    other.watch.reset();
    const int number = other.fd.release();
    cr_assert(dup3(fresh.ours.get(), number, O_CLOEXEC) == number);  // closes the old one
    heir.start(reactor, Fd(number), Interest::read_write);
  };
  first.when_readable = [&] { swap_other(second); };
  second.when_readable = [&] { swap_other(first); };
  first.start(reactor, std::move(one.ours), Interest::read);
  second.start(reactor, std::move(two.ours), Interest::read);
  send_text(one.theirs.get(), "x");
  send_text(two.theirs.get(), "x");
  turn(reactor);
  cr_expect(first.reads + second.reads == 1);
  cr_expect(heir.reads + heir.writes == 0);
  cr_expect(reactor.stats().stale_events == 1);
  turn(reactor);
  cr_expect(heir.writes == 1 && heir.reads == 0, "and is called for what is its own");
}

TestEachSelector(watch, can_end_itself_before_the_write_call) {
  Reactor reactor({.selector = kind});
  Pair pair = unix_pair();
  send_text(pair.theirs.get(), "x");
  Actor actor;
  actor.when_readable = [&] {
    actor.watch.reset();
    actor.fd.reset();
  };
  actor.start(reactor, std::move(pair.ours), Interest::read_write);
  turn(reactor, 2);
  cr_expect(actor.reads == 1);
  cr_expect(actor.writes == 0);
}

TestEachSelector(watch, whose_interest_was_withdrawn_in_the_batch_is_not_called) {
  Reactor reactor({.selector = kind});
  Pair one = unix_pair(), two = unix_pair();
  Actor first, second;
  first.when_readable = [&] { second.watch.set_interest(Interest::none); };
  second.when_readable = [&] { first.watch.set_interest(Interest::none); };
  first.start(reactor, std::move(one.ours), Interest::read);
  second.start(reactor, std::move(two.ours), Interest::read);
  send_text(one.theirs.get(), "x");
  send_text(two.theirs.get(), "x");
  turn(reactor);
  cr_expect(first.reads + second.reads == 1);
  Actor& silent = first.reads == 0 ? first : second;
  cr_expect(silent.watch.interest() == Interest::none);
  silent.watch.set_interest(Interest::read);
  first.when_readable = second.when_readable = [] {};
  turn(reactor);
  cr_expect(silent.reads == 1, "the bytes are still there");
}

TestEachSelector(watch, lets_a_handler_retire_itself_and_its_siblings) {
  Reactor reactor({.selector = kind});
  std::map<int, std::unique_ptr<Actor>> actors;
  std::vector<Fd> peers;
  int calls = 0;
  for (int i = 0; i < 4; ++i) {
    Pair pair = unix_pair();
    send_text(pair.theirs.get(), "x");
    peers.push_back(std::move(pair.theirs));
    auto actor = std::make_unique<Actor>();
    actor->when_readable = [&, i] {
      ++calls;
      // Itself and one sibling; their watches end with the sweep at the latest.
      for (const int dead : {i, i ^ 1}) {
        if (!actors.contains(dead)) continue;
        actors[dead]->watch.reset();
        reactor.retire(std::move(actors[dead]));
        actors.erase(dead);
      }
    };
    actor->start(reactor, std::move(pair.ours), Interest::read);
    actors[i] = std::move(actor);
  }
  turn(reactor);
  cr_expect(calls == 2, "of each two one, %d", calls);
  cr_expect(actors.empty());
  cr_expect(reactor.stats().retired == 4);
}

TestEachSelector(watch, destroys_what_is_retired_before_the_next_wait_and_when_run_returns) {
  struct Flag {
    explicit Flag(bool* to) : gone(to) {}
    ~Flag() { *gone = true; }
    bool* gone;
  };
  Reactor reactor({.selector = kind});
  bool gone = false, gone_in_callback = true;
  const auto retire = [&] {
    gone = false;
    reactor.retire(std::make_unique<Flag>(&gone));
    gone_in_callback = gone;
  };
  Timer timer = reactor.after(0ns, [&] { retire(); });
  turn(reactor);
  cr_expect(!gone_in_callback);
  cr_expect(gone);
  timer = reactor.after(0ns, [&] {
    retire();
    reactor.stop();
  });
  cr_assert(reactor.run());
  cr_expect(gone);
}

Test(watch, lets_a_destructor_retire_more) {
  struct Chain {
    Chain(Reactor& loop, int more, int* total) : reactor(&loop), left(more), count(total) {}
    ~Chain() {
      ++*count;
      if (left > 0) reactor->retire(std::make_unique<Chain>(*reactor, left - 1, count));
    }
    Reactor* reactor;
    int left;
    int* count;
  };
  int count = 0;
  {
    Reactor reactor;
    reactor.retire(std::make_unique<Chain>(reactor, 5, &count));
    turn(reactor);
    cr_expect(count == 6);
    reactor.retire(std::make_unique<Chain>(reactor, 5, &count));
  }
  cr_expect(count == 12, "the Reactor leaves nothing behind");
}

TestEachSelector(watch, of_a_closure_can_end_within_the_closure) {
  Reactor reactor({.selector = kind});
  Pair pair = unix_pair();
  send_text(pair.theirs.get(), "x");
  Watch watch;
  std::string said;
  auto text = std::make_unique<std::string>("a string too long to live inside its object");
  auto made = reactor.on_readable(pair.ours.get(), [&, text = std::move(text)] {
    watch.reset();
    pair.ours.reset();
    said = *text;  // what it holds is still there
  });
  cr_assert(made);
  watch = std::move(*made);
  turn(reactor, 2);
  cr_expect(said.starts_with("a string"));
  cr_expect(reactor.stats().events == 1);
}

TestEachSelector(watch, of_a_closure_can_make_way_for_another_on_the_same_number) {
  Reactor reactor({.selector = kind});
  Pair pair = unix_pair();
  send_text(pair.theirs.get(), "x");
  std::string order;
  Watch watch;
  watch = *reactor.on_readable(pair.ours.get(), [&] {
    order += 'r';
    watch.reset();
    watch = *reactor.on_writable(pair.ours.get(), [&] { order += 'w'; });
  });
  turn(reactor, 2);
  cr_expect(order == "rw", "%s", order.c_str());
}

TestEachSelector(watch, ends_when_it_is_destroyed_or_moved_over) {
  Reactor reactor({.selector = kind});
  Pair pair = unix_pair();
  Actor actor;
  {
    auto made = reactor.watch(pair.ours.get(), Interest::write, actor);
    cr_assert(made);
    cr_expect(*made && made->fd() == pair.ours.get() && &made->reactor() == &reactor);
    const Watch moved = std::move(*made);
    cr_expect(!*made && moved);
    turn(reactor);
    cr_expect(actor.writes == 1);
  }
  turn(reactor);
  cr_expect(actor.writes == 1);
  cr_expect(reactor.watch(pair.ours.get(), Interest::read, actor), "the number is free again");
}

Test(watch, that_is_written_and_drained_in_one_turn_costs_no_kernel_call) {
  Reactor reactor;
  Pair pair = unix_pair();
  Actor actor;
  actor.start(reactor, std::move(pair.ours), Interest::read);
  const auto before = reactor.selector().kernel_calls();
  for (int i = 0; i < 10; ++i) {
    actor.watch.set_interest(Interest::read_write);
    actor.watch.set_interest(Interest::read);
    turn(reactor);
  }
  cr_expect(reactor.selector().kernel_calls() == before);
}

TestEachSelector(watch, refuses_what_cannot_be_waited_for) {
  Reactor reactor({.selector = kind});
  const Fd file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  IoHandler nobody;
  auto watch = reactor.watch(file.get(), Interest::read, nobody);
  cr_assert(!watch);
  cr_expect(watch.error().code == EPERM);
  watch = reactor.watch(-1, Interest::read, nobody);
  cr_expect(!watch && watch.error().code == EBADF);
  cr_expect(!reactor.on_readable(file.get(), [] {}));
  turn(reactor);
}

TestEachSelector(watch, of_a_reset_connection_that_is_paused_costs_no_turn) {
  Reactor reactor({.selector = kind});
  Pair pair = tcp_pair();
  Actor actor;
  actor.start(reactor, std::move(pair.ours), Interest::read);
  actor.watch.set_interest(Interest::none);
  reset_connection(pair.theirs);
  const auto before = reactor.stats().turns;
  const auto end = std::chrono::steady_clock::now() + 50ms;
  cr_assert(run_until(reactor, [&] { return std::chrono::steady_clock::now() >= end; }));
  cr_expect(reactor.stats().events == 0);
  cr_expect(actor.reads + actor.writes == 0);
  cr_expect(reactor.stats().turns - before <= 60, "a turn a millisecond at most, none for it");
}
