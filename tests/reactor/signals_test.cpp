#include "reactor/signals.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "reactor/reactor.h"
#include "tests/support/loop.h"
#include "tests/support/no_descriptors.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

bool blocked(int number) {
  sigset_t mask;
  sigprocmask(SIG_BLOCK, nullptr, &mask);
  return sigismember(&mask, number) == 1;
}

}  // namespace

TestEachSelector(signals, arrive_as_calls) {
  Reactor reactor({.selector = kind});
  int first = 0, second = 0;
  cr_assert(reactor.on_signal(SIGUSR1, [&] { ++first; }));
  cr_assert(reactor.on_signal(SIGUSR2, [&] { ++second; }));
  raise(SIGUSR1);
  cr_assert(run_until(reactor, [&] { return first == 1; }));
  raise(SIGUSR1);
  raise(SIGUSR2);
  cr_assert(run_until(reactor, [&] { return second == 1; }));
  turn(reactor);
  cr_expect(first == 2 && second == 1);
}

TestEachSelector(signals, end_a_wait_at_once) {
  Reactor reactor({.selector = kind});
  cr_assert(reactor.on_signal(SIGALRM, [&] { reactor.stop(); }));
  alarm(1);
  cr_assert(reactor.run());
}

Test(signals, leave_the_mask_as_it_was) {
  sigset_t before;
  sigemptyset(&before);
  sigaddset(&before, SIGUSR2);
  sigprocmask(SIG_BLOCK, &before, nullptr);
  {
    Reactor reactor;
    cr_assert(reactor.on_signal(SIGUSR1, [] {}));
    cr_assert(reactor.on_signal(SIGUSR2, [] {}));
    cr_expect(blocked(SIGUSR1) && blocked(SIGUSR2));
  }
  cr_expect(!blocked(SIGUSR1));
  cr_expect(blocked(SIGUSR2), "it was blocked before");
}

Test(signals, stay_unblocked_when_they_cannot_be_had) {
  Signals signals;
  const auto handled = signals.handle(1000, [] {});
  cr_expect(!handled && handled.error().code == EINVAL);
  {
    Signals before;
    cr_assert(before.handle(SIGUSR2, [] {}));
  }
  const NoDescriptors none;
  const auto refused = signals.handle(SIGUSR1, [] {});
  cr_assert(!refused);
  cr_expect(refused.error().code == EMFILE);
  cr_expect(!blocked(SIGUSR1), "else nobody would ever hear of it");
}

Test(signals, can_change_their_call_within_it) {
  Reactor reactor;
  std::string order;
  const auto handle = [&](int number, char letter) {
    cr_assert(reactor.on_signal(number, [&order, letter] { order += letter; }));
  };
  cr_assert(reactor.on_signal(SIGUSR1, [&] {
    order += 'a';
    handle(SIGUSR1, 'b');
    for (const int more : {SIGUSR2, SIGHUP, SIGALRM, SIGTERM}) handle(more, 'm');
  }));
  raise(SIGUSR1);
  turn(reactor);
  raise(SIGUSR1);
  turn(reactor);
  raise(SIGTERM);
  turn(reactor);
  cr_expect(order == "abm", "%s", order.c_str());
}
