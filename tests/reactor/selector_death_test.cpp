#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "reactor/limits.h"
#include "reactor/selector.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

/// What a selector makes of connections that die, and of descriptors that go away under it.
using namespace sluice;
using namespace std::chrono_literals;

namespace {

std::size_t count_ready(Selector& selector, Duration timeout = Duration::zero()) {
  const auto ready = selector.select(timeout);
  cr_assert(ready, "%s", ready ? "" : ready.error().message().c_str());
  return ready->size();
}

}  // namespace

TestEachSelector(selector_death, does_not_wake_for_a_reset_that_nobody_waits_for) {
  const auto selector = make(kind);
  Pair pair = tcp_pair();
  cr_assert(selector->add(pair.ours.get(), Interest::read, nullptr));
  cr_assert(selector->modify(pair.ours.get(), Interest::none));
  reset_connection(pair.theirs);
  cr_assert(wait_for(pair.ours.get(), POLLERR));
  for (int i = 0; i < 5; ++i) cr_expect(count_ready(*selector, 5ms) == 0);
  cr_assert(selector->modify(pair.ours.get(), Interest::read));
  cr_expect(count_ready(*selector, 10s) == 1, "and tells it once somebody does");
}

TestEachSelector(selector_death, tells_a_reset_to_whoever_waits_for_anything) {
  for (const Interest interest : {Interest::read, Interest::write}) {
    const auto selector = make(kind);
    Pair pair = tcp_pair();
    if (interest == Interest::write) fill(pair.ours.get());
    cr_assert(selector->add(pair.ours.get(), interest, nullptr));
    cr_expect(count_ready(*selector) == 0);
    reset_connection(pair.theirs);
    const auto ready = selector->select(10s);
    cr_assert(ready && ready->size() == 1);
    cr_expect(any((*ready)[0].interest & interest));
  }
}

TestEachSelector(selector_death, does_not_take_urgent_data_for_room_to_write) {
  const auto selector = make(kind);
  Pair pair = tcp_pair();
  fill(pair.ours.get());
  cr_assert(selector->add(pair.ours.get(), Interest::write, nullptr));
  cr_assert(send(pair.theirs.get(), "!", 1, MSG_OOB) == 1);
  cr_assert(wait_for(pair.ours.get(), POLLPRI));
  for (int i = 0; i < 5; ++i) cr_expect(count_ready(*selector, 1ms) == 0);
}

TestEachSelector(selector_death, hears_nothing_of_a_closed_descriptor_whose_copy_lives) {
  const auto selector = make(kind);
  Pair pair = unix_pair();
  const Fd copy(fcntl(pair.ours.get(), F_DUPFD_CLOEXEC, 0));
  cr_assert(selector->add(pair.ours.get(), Interest::read, nullptr));
  cr_assert(selector->remove(pair.ours.get()));
  pair.ours.reset();
  send_text(pair.theirs.get(), "x");
  cr_assert(wait_for(copy.get(), POLLIN));
  cr_expect(count_ready(*selector, 5ms) == 0);
}

TestEachSelector(selector_death, neither_spins_nor_fails_for_one_closed_without_being_removed) {
  const auto selector = make(kind);
  Pair dead = unix_pair(), living = unix_pair();
  const int number = dead.ours.get();
  cr_assert(selector->add(living.ours.get(), Interest::read, nullptr));
  cr_assert(selector->add(number, Interest::read, nullptr));
  dead.ours.reset();
  count_ready(*selector);  // may find out now
  const auto began = std::chrono::steady_clock::now();
  cr_expect(count_ready(*selector, 20ms) == 0);
  cr_expect(std::chrono::steady_clock::now() - began >= 20ms, "it waits again");
  send_text(living.theirs.get(), "x");
  cr_expect(count_ready(*selector, 10s) == 1);
  cr_expect(selector->remove(number));
  cr_expect(selector->remove(living.ours.get()));
}

TestEachSelector(selector_death, keeps_its_table_when_closed_descriptors_leave_it_in_any_order) {
  std::array<int, 4> order{0, 1, 2, 3};
  do {
    const auto selector = make(kind);
    std::array<Pair, 4> pairs;
    std::array<int, 4> numbers;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      pairs[i] = unix_pair();
      numbers[i] = pairs[i].ours.get();
      cr_assert(selector->add(numbers[i], Interest::read, nullptr));
    }
    pairs[1].ours.reset();
    pairs[3].ours.reset();
    count_ready(*selector);
    for (const int i : order) {
      cr_assert(selector->remove(numbers[static_cast<std::size_t>(i)]));
      for (const std::size_t living : {0u, 2u}) send_text(pairs[living].theirs.get(), "x");
      std::size_t expected = 0;
      for (const std::size_t left : {0u, 2u}) {
        expected += selector->get_key(numbers[left]) ? 1 : 0;
      }
      count_ready(*selector);
      cr_assert(count_ready(*selector) == expected, "after removing %d", i);
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TestEachSelector(selector_death, gives_each_of_many_its_turn) {
  // More than one batch of always-ready descriptors: nobody is passed over for ever.
  constexpr std::size_t kMany = limits::kEventsPerTurn + 100;
  const auto selector = make(kind);
  Pair pair = unix_pair();
  send_text(pair.theirs.get(), "x");
  std::vector<Fd> copies;
  for (std::size_t i = 0; i < kMany; ++i) {
    copies.emplace_back(fcntl(pair.ours.get(), F_DUPFD_CLOEXEC, 0));
    cr_assert(copies.back() && selector->add(copies.back().get(), Interest::read, nullptr));
  }
  std::set<int> seen;
  for (int batch = 0; batch < 3; ++batch) {
    const auto ready = selector->select(Duration::zero());
    cr_assert(ready && ready->size() <= limits::kEventsPerTurn);
    for (const Ready& each : *ready) seen.insert(each.token.fd);
  }
  cr_expect(seen.size() == kMany, "%zu", seen.size());
}
