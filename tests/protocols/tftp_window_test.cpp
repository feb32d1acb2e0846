#include "protocols/tftp/window.h"

#include <criterion/criterion.h>

#include <cstdint>
#include <initializer_list>
#include <vector>

using namespace sluice::tftp;

namespace {

using Numbers = std::initializer_list<std::uint16_t>;
using Blocks = SendWindow::Blocks;

void expect_blocks(Blocks blocks, std::uint64_t first, std::uint32_t count, int line) {
  cr_expect(blocks.count == count && (count == 0 || blocks.first == first),
            "line %d: %u from %lu instead of %u from %lu", line, blocks.count,
            static_cast<unsigned long>(blocks.first), count, static_cast<unsigned long>(first));
}
#define SENDS(blocks, first, count) expect_blocks(blocks, first, count, __LINE__)
#define SENDS_NOTHING(blocks) expect_blocks(blocks, 0, 0, __LINE__)

/// A sender that has block `acked` acknowledged, each window as a whole.
SendWindow sender_at(std::uint64_t acked, std::uint16_t window, std::uint16_t rollover) {
  SendWindow sender(window, rollover);
  sender.begin();
  while (sender.acked() < acked) {
    const std::uint64_t next = std::min(sender.acked() + window, acked);
    sender.on_ack(wire_number(next, rollover));
  }
  return sender;
}

}  // namespace

// --- numbers -------------------------------------------------------------------------------------

Test(tftp_numbers, roll_over_to_nought_or_to_one) {
  for (const std::uint16_t rollover : Numbers{0, 1}) {
    cr_expect_eq(wire_number(0, rollover), 0);
    cr_expect_eq(wire_number(1, rollover), 1);
    cr_expect_eq(wire_number(65535, rollover), 65535);
    cr_expect_eq(wire_number(65536, rollover), rollover);
    cr_expect_eq(wire_number(65537, rollover), rollover + 1);
  }
  cr_expect_eq(wire_number(131071, 0), 65535);
  cr_expect_eq(wire_number(131072, 0), 0);
  cr_expect_eq(wire_number(131070, 1), 65535);
  cr_expect_eq(wire_number(131071, 1), 1);
}

Test(tftp_numbers, follow_one_another_for_ever) {
  for (const std::uint16_t rollover : Numbers{0, 1}) {
    std::uint16_t before = 0;
    for (std::uint64_t number = 1; number < 200'000; ++number) {
      const std::uint16_t now = wire_number(number, rollover);
      const std::uint16_t expected =
          before == 65535 ? rollover : static_cast<std::uint16_t>(before + 1);
      cr_assert_eq(now, expected, "block %lu", static_cast<unsigned long>(number));
      before = now;
    }
  }
}

// --- the sender in lockstep ----------------------------------------------------------------------

Test(tftp_send_window, goes_block_by_block_with_window_one) {
  SendWindow sender(1, 0);
  SENDS(sender.begin(), 1, 1);
  SENDS(sender.on_ack(1), 2, 1);
  sender.set_last(3);
  SENDS(sender.on_ack(2), 3, 1);
  cr_expect_not(sender.done());
  SENDS_NOTHING(sender.on_ack(3));
  cr_expect(sender.done());
  cr_expect_eq(sender.acked(), 3);
}

Test(tftp_send_window, answers_no_acknowledgement_twice_with_window_one) {
  SendWindow sender(1, 0);
  sender.begin();
  SENDS_NOTHING(sender.on_ack(0));
  SENDS(sender.on_ack(1), 2, 1);
  SENDS_NOTHING(sender.on_ack(1));
  SENDS_NOTHING(sender.on_ack(0));
  SENDS(sender.on_ack(2), 3, 1);
  SENDS_NOTHING(sender.on_ack(1));
  SENDS_NOTHING(sender.on_ack(2));
}

Test(tftp_send_window, ignores_what_was_never_sent) {
  for (const std::uint16_t window : Numbers{1, 8}) {
    SendWindow sender(window, 0);
    sender.begin();
    SENDS_NOTHING(sender.on_ack(static_cast<std::uint16_t>(window + 1)));
    SENDS_NOTHING(sender.on_ack(40000));
    SENDS_NOTHING(sender.on_ack(65535));
    cr_expect_eq(sender.acked(), 0);
    cr_expect_not(sender.measures());
    SENDS(sender.on_ack(window), window + 1U, window);
  }
}

Test(tftp_send_window, ignores_blocks_beyond_the_last_although_the_window_reaches_there) {
  SendWindow sender(8, 0);
  sender.begin();
  sender.set_last(3);
  for (const std::uint16_t block : Numbers{4, 5, 8, 9}) SENDS_NOTHING(sender.on_ack(block));
  cr_expect_eq(sender.acked(), 0);
  SENDS_NOTHING(sender.on_ack(3));
  cr_expect(sender.done());
}

Test(tftp_send_window, sends_again_what_is_not_acknowledged) {
  SendWindow sender(4, 0);
  SENDS(sender.begin(), 1, 4);
  SENDS(sender.on_timeout(), 1, 4);
  SENDS(sender.on_timeout(), 1, 4);
  SENDS(sender.on_ack(4), 5, 4);
  sender.set_last(6);
  SENDS(sender.on_timeout(), 5, 2);
}

Test(tftp_send_window, sends_nothing_more_once_it_is_done) {
  SendWindow sender(4, 0);
  sender.begin();
  sender.set_last(1);
  SENDS_NOTHING(sender.on_ack(1));
  SENDS_NOTHING(sender.on_timeout());
  for (const std::uint16_t block : Numbers{0, 1, 2}) SENDS_NOTHING(sender.on_ack(block));
  cr_expect(sender.done());
}

Test(tftp_send_window, ends_with_the_block_that_is_empty) {
  // 1024 bytes in blocks of 512: the third says that there is no more.
  SendWindow sender(1, 0);
  sender.begin();
  sender.on_ack(1);
  SENDS(sender.on_ack(2), 3, 1);
  sender.set_last(3);
  cr_expect_not(sender.done());
  sender.on_ack(3);
  cr_expect(sender.done());
}

// --- the sender's windows ------------------------------------------------------------------------

Test(tftp_send_window, goes_window_by_window) {
  SendWindow sender(8, 0);
  SENDS(sender.begin(), 1, 8);
  SENDS(sender.on_ack(8), 9, 8);
  sender.set_last(19);
  SENDS(sender.on_ack(16), 17, 3);
  SENDS_NOTHING(sender.on_ack(19));
  cr_expect(sender.done());
}

Test(tftp_send_window, takes_the_middle_of_a_window_as_a_loss_behind_it) {
  SendWindow sender(8, 0);
  sender.begin();
  SENDS(sender.on_ack(2), 3, 8);
  SENDS(sender.on_ack(10), 11, 8);
}

Test(tftp_send_window, takes_the_same_acknowledgement_again_as_a_loss_once_a_window) {
  SendWindow sender(8, 0);
  sender.begin();
  sender.on_ack(8);
  SENDS(sender.on_ack(8), 9, 8);
  SENDS_NOTHING(sender.on_ack(8));
  SENDS_NOTHING(sender.on_ack(8));
  SENDS(sender.on_ack(16), 17, 8);
}

Test(tftp_send_window, takes_no_echo_of_a_repair_as_a_loss) {
  SendWindow sender(8, 0);
  sender.begin();
  sender.on_ack(8);
  SENDS(sender.on_ack(8), 9, 8);
  // 9 to 16 were sent twice, and are acknowledged twice if neither was lost.
  SENDS(sender.on_ack(16), 17, 8);
  SENDS_NOTHING(sender.on_ack(16));
  SENDS(sender.on_ack(24), 25, 8);
  SENDS(sender.on_ack(24), 25, 8);
}

Test(tftp_send_window, takes_no_echo_of_a_needless_timeout_as_a_loss) {
  SendWindow sender(8, 0);
  sender.begin();
  SENDS(sender.on_timeout(), 1, 8);
  SENDS(sender.on_ack(8), 9, 8);
  SENDS_NOTHING(sender.on_ack(8));
}

Test(tftp_send_window, lets_two_rows_of_windows_meet) {
  // A receiver that acknowledges the end of each of two rows of windows that overlap.
  SendWindow sender(8, 0);
  sender.begin();
  std::vector<std::uint16_t> ends;
  const auto acknowledge = [&](std::uint16_t block) {
    const Blocks blocks = sender.on_ack(block);
    if (blocks.count > 0) ends.push_back(static_cast<std::uint16_t>(blocks.first + 7));
  };
  acknowledge(2);
  acknowledge(3);
  std::size_t told = 0;
  while (told < ends.size() && ends.size() < 1000) acknowledge(ends[told++]);
  cr_expect_eq(ends.size(), 1000, "it never comes to a stop");
  std::size_t doubled = 0;
  for (std::size_t i = 1; i < ends.size(); ++i) doubled += ends[i] - ends[i - 1] < 8;
  cr_expect_leq(doubled, 8, "%zu windows overlapped", doubled);
}

Test(tftp_send_window, believes_in_losses_again_once_the_rows_have_met_or_all_is_silent) {
  for (const bool silence : {false, true}) {
    SendWindow sender(64, 0);
    sender.begin();
    // The first tells of blocks sent once; those behind it lie among what was sent twice.
    for (const std::uint16_t block : Numbers{1, 2, 3, 4, 5}) {
      SENDS(sender.on_ack(block), block + 1U, 64);
    }
    SENDS_NOTHING(sender.on_ack(6));
    if (silence) {
      SENDS(sender.on_timeout(), 7, 64);
    } else {
      SENDS(sender.on_ack(69), 70, 64);
      SENDS(sender.on_ack(71), 72, 64);
    }
    const auto next = static_cast<std::uint16_t>(sender.acked() + 1);
    for (std::uint16_t block = next; block < next + 4; ++block) {
      SENDS(sender.on_ack(block), block + 1U, 64);
    }
    SENDS_NOTHING(sender.on_ack(static_cast<std::uint16_t>(next + 4)));
  }
}

Test(tftp_send_window, ignores_an_acknowledgement_of_an_old_window) {
  SendWindow sender = sender_at(80, 8, 0);
  for (const std::uint16_t block : Numbers{79, 72, 64, 1, 0}) SENDS_NOTHING(sender.on_ack(block));
  cr_expect_eq(sender.acked(), 80);
  SENDS(sender.on_ack(88), 89, 8);
}

Test(tftp_send_window, rolls_over_in_the_middle_of_a_window) {
  for (const std::uint16_t rollover : Numbers{0, 1}) {
    SendWindow sender = sender_at(65530, 10, rollover);
    SENDS_NOTHING(sender.on_ack(65529));
    // Block 65536 of the window 65531 to 65540.
    SENDS(sender.on_ack(rollover), 65537, 10);
    SENDS_NOTHING(sender.on_ack(65535));
    cr_expect_eq(sender.acked(), 65536);
    SENDS(sender.on_ack(static_cast<std::uint16_t>(10 + rollover)), 65547, 10);
  }
}

Test(tftp_send_window, knows_no_block_nought_where_the_numbers_roll_over_to_one) {
  SendWindow sender = sender_at(65528, 8, 1);
  SENDS_NOTHING(sender.on_ack(0));
  cr_expect_eq(sender.acked(), 65528);
  SENDS(sender.on_ack(1), 65537, 8);
}

Test(tftp_send_window, can_end_on_any_number_around_the_rollover) {
  for (const std::uint16_t rollover : Numbers{0, 1}) {
    for (std::uint64_t last = 65530; last < 65545; ++last) {
      SendWindow sender = sender_at(last - 3, 4, rollover);
      sender.set_last(last);
      SENDS_NOTHING(sender.on_ack(wire_number(last + 1, rollover)));
      SENDS_NOTHING(sender.on_ack(wire_number(last, rollover)));
      cr_expect(sender.done());
    }
  }
}

// --- measuring -----------------------------------------------------------------------------------

Test(tftp_send_window, measures_by_what_was_sent_once) {
  SendWindow sender(8, 0);
  sender.begin();
  sender.on_ack(8);
  cr_expect(sender.measures());
  sender.on_ack(8);
  cr_expect_not(sender.measures(), "it told nothing");
  sender.on_ack(16);
  cr_expect_not(sender.measures(), "which of the two was it for?");
  sender.on_ack(24);
  cr_expect(sender.measures());
  sender.on_timeout();
  sender.on_ack(32);
  cr_expect_not(sender.measures());
  sender.on_ack(36);
  cr_expect(sender.measures());
  // 37 to 40 go again, 41 to 44 for the first time.
  sender.on_ack(40);
  cr_expect_not(sender.measures());
  sender.on_ack(48);
  cr_expect(sender.measures());
}

Test(tftp_send_window, measures_nothing_by_what_it_ignores) {
  SendWindow sender(1, 0);
  sender.begin();
  sender.on_ack(1);
  cr_expect(sender.measures());
  sender.on_ack(1);
  cr_expect_not(sender.measures());
  sender.on_ack(2);
  cr_expect(sender.measures());
  sender.on_ack(77);
  cr_expect_not(sender.measures());
}

// --- windows that the numbers of the wire cannot tell apart --------------------------------------

Test(tftp_send_window, is_no_larger_than_half_of_the_numbers) {
  for (const std::uint16_t rollover : Numbers{0, 1}) {
    SendWindow sender(65535, rollover);
    SENDS(sender.begin(), 1, kMaxWindow);
    SENDS(sender.on_ack(kMaxWindow), kMaxWindow + 1U, kMaxWindow);
    SENDS_NOTHING(sender.on_ack(1));
    SENDS_NOTHING(sender.on_ack(65535));
    SENDS(sender.on_ack(65534), 65535, kMaxWindow);
    // What may still be under way from the last windows is older than all that is awaited.
    for (const std::uint16_t block :
         Numbers{kMaxWindow, std::uint16_t{32769}, std::uint16_t{65533}}) {
      SENDS_NOTHING(sender.on_ack(block));
    }
    cr_expect_eq(sender.acked(), 65534);
  }
}

Test(tftp_send_window, of_none_is_one_of_one) {
  SendWindow sender(0, 0);
  SENDS(sender.begin(), 1, 1);
}
