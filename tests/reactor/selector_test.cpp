#include "reactor/selector.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <limits>
#include <map>

#include "tests/support/loop.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

std::span<const Ready> look(Selector& selector, Duration timeout = Duration::zero()) {
  const auto ready = selector.select(timeout);
  cr_assert(ready, "%s", ready ? "" : ready.error().message().c_str());
  return *ready;
}

int code_of(const auto& result) {
  return result ? 0 : result.error().code;
}

Fd regular_file() {
  Fd file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  cr_assert(file);
  return file;
}

}  // namespace

Test(selector, knows_its_kinds_by_name) {
  for (const char* name : {"epoll", "poll", "select"}) {
    const auto kind = parse_selector_kind(name);
    cr_assert(kind);
    cr_expect(make(*kind)->name() == name);
  }
  cr_expect(!parse_selector_kind("kqueue"));
}

TestEachSelector(selector, tells_what_is_ready_and_for_whom) {
  const auto selector = make(kind);
  Pair pair = unix_pair();
  const auto token = selector->add(pair.ours.get(), Interest::read, nullptr);
  cr_assert(token);
  cr_expect(look(*selector).empty());
  send_text(pair.theirs.get(), "x");
  const auto ready = look(*selector, 10s);
  cr_assert(ready.size() == 1);
  cr_expect(ready[0].token.fd == pair.ours.get());
  cr_expect(ready[0].token.generation == token->generation);
  cr_expect(ready[0].interest == Interest::read);
  cr_expect(look(*selector).size() == 1, "level-triggered: it is told until it is read");
}

TestEachSelector(selector, tells_reading_and_writing_apart) {
  const auto selector = make(kind);
  Pair pair = unix_pair();
  cr_assert(selector->add(pair.ours.get(), Interest::read_write, nullptr));
  auto ready = look(*selector);
  cr_assert(ready.size() == 1);
  cr_expect(ready[0].interest == Interest::write);
  send_text(pair.theirs.get(), "x");
  ready = look(*selector);
  cr_assert(ready.size() == 1);
  cr_expect(ready[0].interest == Interest::read_write);
  cr_assert(selector->modify(pair.ours.get(), Interest::read));
  cr_expect(look(*selector)[0].interest == Interest::read);
}

TestEachSelector(selector, says_what_is_wrong_with_a_registration) {
  const auto selector = make(kind);
  Pair pair = unix_pair();
  const int fd = pair.ours.get(), other = pair.theirs.get();
  cr_assert(selector->add(fd, Interest::read, nullptr));
  cr_expect(code_of(selector->add(fd, Interest::read, nullptr)) == EEXIST);
  cr_expect(code_of(selector->modify(other, Interest::read)) == ENOENT);
  cr_expect(code_of(selector->remove(other)) == ENOENT);
  cr_expect(code_of(selector->get_key(other)) == ENOENT);
  cr_expect(code_of(selector->add(-1, Interest::read, nullptr)) == EBADF);
  cr_expect(code_of(selector->modify(-1, Interest::read)) == ENOENT);
  cr_expect(code_of(selector->remove(-1)) == ENOENT);
  cr_expect(code_of(selector->get_key(1'000'000)) == ENOENT);
  const int closed = fcntl(fd, F_DUPFD_CLOEXEC, 100);
  close(closed);
  cr_expect(code_of(selector->add(closed, Interest::read, nullptr)) == EBADF);
  cr_expect(code_of(selector->add(closed, Interest::none, nullptr)) == EBADF);
  cr_expect(selector->size() == 1);
}

TestEachSelector(selector, refuses_an_absurd_number_without_growing) {
  const auto selector = make(kind);
  const int code = code_of(selector->add(std::numeric_limits<int>::max(), Interest::read, nullptr));
  cr_expect(code == (kind == SelectorKind::select ? EMFILE : EBADF), "%d", code);
}

TestEachSelector(selector, refuses_what_is_always_ready) {
  const auto selector = make(kind);
  const Fd file = regular_file();
  const Fd directory(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (const Interest interest : {Interest::read, Interest::write, Interest::none}) {
    cr_expect(code_of(selector->add(file.get(), interest, nullptr)) == EPERM);
    cr_expect(code_of(selector->add(directory.get(), interest, nullptr)) == EPERM);
  }
  cr_expect(selector->size() == 0);
}

Test(selector, of_select_refuses_descriptors_from_fd_setsize_on) {
  const auto selector = make(SelectorKind::select);
  Pair pair = unix_pair();
  const Fd high(fcntl(pair.ours.get(), F_DUPFD_CLOEXEC, FD_SETSIZE));
  cr_assert(high, "this needs a limit of more than 1024 descriptors");
  cr_expect(code_of(selector->add(high.get(), Interest::read, nullptr)) == EMFILE);
  const Fd last(dup3(pair.ours.get(), FD_SETSIZE - 1, O_CLOEXEC) >= 0 ? FD_SETSIZE - 1 : -1);
  cr_assert(selector->add(last.get(), Interest::write, nullptr));
  cr_expect(look(*selector).size() == 1);
  for (const SelectorKind kind : {SelectorKind::epoll, SelectorKind::poll}) {
    cr_expect(make(kind)->add(high.get(), Interest::read, nullptr));
  }
}

TestEachSelector(selector, finds_keys_and_lists_them) {
  const auto selector = make(kind);
  Pair pair = unix_pair();
  int mine = 0;
  cr_assert(selector->add(pair.ours.get(), Interest::read, &mine));
  cr_assert(selector->add(pair.theirs.get(), Interest::none, nullptr));
  const auto key = selector->get_key(pair.ours.get());
  cr_assert(key);
  cr_expect(key->data == &mine);
  cr_expect(key->interest == Interest::read);
  cr_assert(selector->modify(pair.theirs.get(), Interest::write));
  cr_expect(selector->get_key(pair.theirs.get())->interest == Interest::write);
  cr_expect(selector->get_key(pair.theirs.get())->applied == Interest::none, "not told yet");
  std::map<int, Interest> all;
  selector->get_map([&](int fd, const Selector::Key& each) { all[fd] = each.interest; });
  const std::map<int, Interest> expected = {{pair.ours.get(), Interest::read},
                                            {pair.theirs.get(), Interest::write}};
  cr_expect(all == expected);
  cr_expect(selector->size() == 2);
}

TestEachSelector(selector, gives_every_registration_of_a_number_another_generation) {
  const auto selector = make(kind);
  Pair pair = unix_pair();
  const int fd = pair.ours.get();
  const auto first = selector->add(fd, Interest::read, nullptr);
  cr_assert(first && selector->find(*first));
  cr_assert(selector->remove(fd));
  cr_expect(!selector->find(*first));
  const auto second = selector->add(fd, Interest::read, nullptr);
  cr_assert(second);
  cr_expect(!selector->find(*first));
  cr_expect(selector->find(*second));
  send_text(pair.theirs.get(), "x");
  cr_expect(look(*selector)[0].token.generation == second->generation);
}

TestEachSelector(selector, forgets_what_was_noted_for_an_earlier_registration) {
  const auto selector = make(kind);
  Pair pair = unix_pair();
  const int fd = pair.ours.get();
  cr_assert(selector->add(fd, Interest::read, nullptr));
  cr_assert(selector->modify(fd, Interest::write));
  cr_assert(selector->remove(fd));
  cr_assert(selector->add(fd, Interest::read, nullptr));
  cr_expect(look(*selector).empty(), "the new registration does not ask for writing");
  cr_assert(selector->modify(fd, Interest::write));
  cr_expect(look(*selector).size() == 1);
}

Test(selector, of_epoll_makes_no_call_for_changes_that_cancel_out) {
  const auto selector = make(SelectorKind::epoll);
  Pair pair = unix_pair();
  cr_assert(selector->add(pair.ours.get(), Interest::read, nullptr));
  const auto before = selector->kernel_calls();
  cr_assert(selector->modify(pair.ours.get(), Interest::read_write));
  cr_assert(selector->modify(pair.ours.get(), Interest::none));
  cr_assert(selector->modify(pair.ours.get(), Interest::read));
  look(*selector);
  cr_expect(selector->kernel_calls() == before);
  cr_assert(selector->modify(pair.ours.get(), Interest::write));
  cr_assert(selector->modify(pair.ours.get(), Interest::read_write));
  look(*selector);
  cr_expect(selector->kernel_calls() == before + 1, "several changes are one call");
}

TestEachSelector(selector, rounds_timeouts_up_and_never_returns_early) {
  const auto selector = make(kind);
  for (const Duration timeout : {Duration(1ns), Duration(1500us), Duration(20ms)}) {
    const auto began = std::chrono::steady_clock::now();
    cr_expect(look(*selector, timeout).empty());
    cr_expect(std::chrono::steady_clock::now() - began >= timeout);
  }
  cr_expect(poll_timeout(1ns) == 1);
  cr_expect(poll_timeout(1ms) == 1);
  cr_expect(poll_timeout(1ms + 1ns) == 2);
  cr_expect(poll_timeout(0ns) == 0);
  cr_expect(poll_timeout(-1ns) == -1);
  cr_expect(poll_timeout(Duration::max()) == std::numeric_limits<int>::max());
}

TestEachSelector(selector, takes_a_signal_for_the_end_of_the_wait) {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
  const auto selector = make(kind);
  // Again and again, so that one which comes before the wait has begun does no harm.
  const itimerval often{{0, 10'000}, {0, 10'000}};
  setitimer(ITIMER_REAL, &often, nullptr);
  cr_expect(look(*selector, -1ns).empty());
}
