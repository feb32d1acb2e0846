#include "protocols/multicast/sequence.h"

#include <criterion/criterion.h>

#include <cmath>
#include <vector>

using namespace sluice::multicast;

namespace {

/// All numbers of one stream, sent and arrived at time 0.
Sequence fed(const std::vector<std::uint32_t>& numbers) {
  Sequence sequence;
  for (const std::uint32_t number : numbers) sequence.add({1, number, 0}, 0);
  return sequence;
}

void expect(const Sequence& sequence, std::uint64_t lost, std::uint64_t reordered,
            std::uint64_t duplicates) {
  cr_expect(sequence.lost() == lost, "lost %lu", sequence.lost());
  cr_expect(sequence.reordered() == reordered, "reordered %lu", sequence.reordered());
  cr_expect(sequence.duplicates() == duplicates, "duplicates %lu", sequence.duplicates());
}

bool near(double a, double b) {
  return std::abs(a - b) < 1e-6;
}

}  // namespace

Test(multicast_sequence, finds_nothing_wrong_with_what_comes_in_order) {
  const Sequence sequence = fed({7, 8, 9, 10});
  expect(sequence, 0, 0, 0);
  cr_expect(sequence.received() == 4);
}

Test(multicast_sequence, counts_a_gap_as_lost_until_it_is_filled) {
  expect(fed({0, 1, 4, 5}), 2, 0, 0);
  expect(fed({0, 1, 4, 5, 3}), 1, 1, 0);
  expect(fed({0, 1, 4, 5, 3, 2}), 0, 2, 0);
}

Test(multicast_sequence, tells_duplicates_from_what_was_reordered) {
  expect(fed({0, 1, 1, 2}), 0, 0, 1);
  expect(fed({0, 2, 1, 1, 2, 0}), 0, 1, 3);
}

Test(multicast_sequence, counts_on_when_the_numbers_wrap) {
  expect(fed({UINT32_MAX - 1, UINT32_MAX, 0, 1}), 0, 0, 0);
  expect(fed({UINT32_MAX - 1, 2}), 3, 0, 0);
  expect(fed({UINT32_MAX - 1, 2, UINT32_MAX, 0, 1, 0}), 0, 3, 1);
}

Test(multicast_sequence, goes_round_more_than_once) {
  Sequence sequence;
  std::uint32_t number = 0;
  for (int i = 0; i < 9; ++i, number += 0x70000000) sequence.add({1, number, 0}, 0);
  cr_expect(sequence.lost() == 8 * (std::uint64_t{0x70000000} - 1));
  cr_expect(sequence.reordered() == 0);
}

Test(multicast_sequence, takes_what_was_sent_before_the_first_that_came) {
  expect(fed({10, 9, 11}), 0, 1, 0);
  expect(fed({10, 8, 11}), 1, 1, 0);
  expect(fed({0, UINT32_MAX}), 0, 1, 0);
}

Test(multicast_sequence, does_not_guess_about_what_is_older_than_its_window) {
  constexpr auto kWindow = static_cast<std::uint32_t>(Sequence::kWindow);
  expect(fed({0, kWindow, 1}), kWindow - 2, 1, 0);
  expect(fed({0, kWindow + 1, 1}), kWindow, 1, 0);
  expect(fed({0, kWindow + 1, 1, 1}), kWindow, 2, 0);
}

Test(multicast_sequence, forgets_what_its_window_held_before_a_leap) {
  constexpr auto kWindow = static_cast<std::uint32_t>(Sequence::kWindow);
  for (const std::uint32_t leap : {1U, 63U, 64U, 65U, kWindow - 1, kWindow, kWindow + 1}) {
    Sequence sequence;
    for (std::uint32_t i = 0; i < 2 * kWindow; ++i) sequence.add({1, i, 0}, 0);
    const std::uint32_t last = 2 * kWindow - 1 + leap;
    sequence.add({1, last, 0}, 0);
    for (std::uint32_t i = last - 1; i > last - leap && i > last - kWindow; --i) {
      sequence.add({1, i, 0}, 0);
    }
    cr_expect(sequence.duplicates() == 0, "a leap of %u", leap);
    cr_expect(sequence.lost() == (leap > kWindow ? leap - kWindow : 0), "a leap of %u", leap);
  }
}

Test(multicast_sequence, begins_anew_with_a_new_stream_and_keeps_the_counts) {
  Sequence sequence = fed({0, 5});
  sequence.add({2, 1000, 0}, 0);
  sequence.add({2, 1002, 0}, 0);
  expect(sequence, 5, 0, 0);
  cr_expect(sequence.restarts() == 1);
  cr_expect(sequence.stream() == 2);
  cr_expect(sequence.received() == 4);
}

Test(multicast_sequence, has_the_jitter_of_rfc_3550) {
  // Transits of 10, 26, 26 and 10: differences of 16, 0 and 16.
  // J = 0 + (16 - 0) / 16 = 1; 1 + (0 - 1) / 16 = 0.9375; 0.9375 + (16 - 0.9375) / 16.
  Sequence sequence;
  sequence.add({1, 0, 1000}, 1010);
  cr_expect(near(sequence.jitter(), 0));
  sequence.add({1, 1, 2000}, 2026);
  cr_expect(near(sequence.jitter(), 1));
  sequence.add({1, 2, 3000}, 3026);
  cr_expect(near(sequence.jitter(), 0.9375));
  sequence.add({1, 3, 4000}, 4010);
  cr_expect(near(sequence.jitter(), 1.87890625));
}

Test(multicast_sequence, leaves_duplicates_out_of_jitter_and_delay) {
  Sequence sequence;
  sequence.add({1, 0, 1000}, 1010);
  sequence.add({1, 0, 1000}, 900'000);
  cr_expect(near(sequence.jitter(), 0));
  cr_expect(near(sequence.delay().most, 10));
}

Test(multicast_sequence, has_no_jitter_between_two_streams) {
  Sequence sequence;
  sequence.add({1, 0, 1000}, 1010);
  sequence.add({2, 0, 1000}, 900'000);
  cr_expect(near(sequence.jitter(), 0));
}

Test(multicast_sequence, tells_the_delay) {
  Sequence sequence;
  cr_expect(near(sequence.delay().mean, 0));
  sequence.add({1, 0, 1000}, 1030);
  sequence.add({1, 1, 2000}, 2010);
  sequence.add({1, 2, 3000}, 3020);
  cr_expect(near(sequence.delay().least, 10));
  cr_expect(near(sequence.delay().mean, 20));
  cr_expect(near(sequence.delay().most, 30));
}

Test(multicast_sequence, does_not_mind_clocks_of_any_kind) {
  Sequence sequence;
  sequence.add({1, 0, 0}, INT64_MIN);
  sequence.add({1, 1, UINT64_MAX}, INT64_MAX);
  sequence.add({1, 2, 1}, 0);
  cr_expect(std::isfinite(sequence.jitter()));
  Sequence ahead;
  ahead.add({1, 0, 5000}, 4000);  // a clock that is ahead of ours
  cr_expect(near(ahead.delay().mean, -1000));
}
