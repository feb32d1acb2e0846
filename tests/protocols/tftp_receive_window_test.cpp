#include "protocols/tftp/window.h"

#include <criterion/criterion.h>

#include <cstdint>
#include <initializer_list>

using namespace sluice::tftp;

namespace {

using Numbers = std::initializer_list<std::uint16_t>;
using Verdict = ReceiveWindow::Verdict;

void expect_verdict(Verdict verdict, bool take, bool ack, int line) {
  cr_expect(verdict.take == take && verdict.ack == ack, "line %d: take %d, ack %d", line,
            verdict.take, verdict.ack);
}
#define TAKES(verdict) expect_verdict(verdict, true, false, __LINE__)
#define TAKES_AND_ACKS(verdict) expect_verdict(verdict, true, true, __LINE__)
#define ACKS(verdict) expect_verdict(verdict, false, true, __LINE__)
#define IGNORES(verdict) expect_verdict(verdict, false, false, __LINE__)

ReceiveWindow receiver_at(std::uint64_t received, std::uint16_t window, std::uint16_t rollover) {
  ReceiveWindow receiver(window, rollover);
  for (std::uint64_t block = 1; block <= received; ++block) {
    receiver.on_data(wire_number(block, rollover), false);
  }
  return receiver;
}

}  // namespace

Test(tftp_receive_window, acknowledges_each_block_with_window_one) {
  ReceiveWindow receiver(1, 0);
  TAKES_AND_ACKS(receiver.on_data(1, false));
  TAKES_AND_ACKS(receiver.on_data(2, false));
  cr_expect_not(receiver.done());
  TAKES_AND_ACKS(receiver.on_data(3, true));
  cr_expect(receiver.done());
  cr_expect_eq(receiver.received(), 3);
}

Test(tftp_receive_window, acknowledges_the_block_that_comes_again_but_no_older_one) {
  ReceiveWindow receiver = receiver_at(5, 1, 0);
  ACKS(receiver.on_data(5, false));
  ACKS(receiver.on_data(5, false));
  IGNORES(receiver.on_data(4, false));
  IGNORES(receiver.on_data(1, false));
  cr_expect_eq(receiver.received(), 5);
}

Test(tftp_receive_window, ignores_what_cannot_have_been_sent) {
  for (const std::uint16_t window : Numbers{1, 8}) {
    ReceiveWindow receiver = receiver_at(16, window, 0);
    IGNORES(receiver.on_data(static_cast<std::uint16_t>(17 + window), false));
    IGNORES(receiver.on_data(1000, false));
    IGNORES(receiver.on_data(40000, true));
    IGNORES(receiver.on_data(0, false));
    cr_expect_eq(receiver.received(), 16);
    cr_expect_not(receiver.done());
  }
}

Test(tftp_receive_window, begins_with_block_one) {
  for (const std::uint16_t rollover : Numbers{0, 1}) {
    ReceiveWindow receiver(4, rollover);
    IGNORES(receiver.on_data(0, false));
    IGNORES(receiver.on_data(65535, false));
    TAKES(receiver.on_data(1, false));
  }
}

Test(tftp_receive_window, acknowledges_whole_windows_and_the_end) {
  ReceiveWindow receiver(4, 0);
  for (const std::uint16_t block : Numbers{1, 2, 3}) TAKES(receiver.on_data(block, false));
  TAKES_AND_ACKS(receiver.on_data(4, false));
  TAKES(receiver.on_data(5, false));
  TAKES_AND_ACKS(receiver.on_data(6, true));
  cr_expect(receiver.done());
}

Test(tftp_receive_window, tells_of_a_gap_at_once_and_once) {
  ReceiveWindow receiver(8, 0);
  TAKES(receiver.on_data(1, false));
  TAKES(receiver.on_data(2, false));
  ACKS(receiver.on_data(4, false));
  cr_expect_eq(receiver.received(), 2);
  for (const std::uint16_t block : Numbers{5, 6, 7, 8}) IGNORES(receiver.on_data(block, false));
  // The sender goes on behind 2, with a window of its full length.
  for (std::uint16_t block = 3; block < 10; ++block) TAKES(receiver.on_data(block, false));
  TAKES_AND_ACKS(receiver.on_data(10, false));
}

Test(tftp_receive_window, tells_of_each_gap) {
  ReceiveWindow receiver(8, 0);
  TAKES(receiver.on_data(1, false));
  ACKS(receiver.on_data(3, false));
  TAKES(receiver.on_data(2, false));
  TAKES(receiver.on_data(3, false));
  ACKS(receiver.on_data(5, false));
}

Test(tftp_receive_window, tells_of_a_gap_again_when_it_is_sent_anew_and_lost_anew) {
  ReceiveWindow receiver(8, 0);
  TAKES(receiver.on_data(1, false));
  ACKS(receiver.on_data(3, false));
  for (const std::uint16_t block : Numbers{4, 5, 6, 7, 8}) IGNORES(receiver.on_data(block, false));
  ACKS(receiver.on_data(3, false));
  for (const std::uint16_t block : Numbers{4, 5, 6, 7, 8, 9})
    IGNORES(receiver.on_data(block, false));
}

Test(tftp_receive_window, takes_no_doubled_block_behind_a_gap_as_sent_anew) {
  ReceiveWindow receiver(8, 0);
  TAKES(receiver.on_data(1, false));
  ACKS(receiver.on_data(3, false));
  for (const std::uint16_t block : Numbers{3, 4, 4, 5, 5}) IGNORES(receiver.on_data(block, false));
}

Test(tftp_receive_window, acknowledges_a_window_again_when_its_acknowledgement_was_lost) {
  ReceiveWindow receiver = receiver_at(8, 4, 0);
  for (const std::uint16_t block : Numbers{5, 6, 7}) IGNORES(receiver.on_data(block, false));
  ACKS(receiver.on_data(8, false));
}

Test(tftp_receive_window, acknowledges_the_end_again_for_as_long_as_it_is_asked) {
  for (const std::uint16_t window : Numbers{1, 4}) {
    ReceiveWindow receiver(window, 0);
    receiver.on_data(1, false);
    TAKES_AND_ACKS(receiver.on_data(2, true));
    for (int i = 0; i < 10; ++i) {
      IGNORES(receiver.on_data(1, false));
      ACKS(receiver.on_data(2, true));
    }
    IGNORES(receiver.on_data(3, false));
    cr_expect_eq(receiver.received(), 2);
    cr_expect(receiver.done());
  }
}

Test(tftp_receive_window, hears_where_the_sender_is_when_two_acknowledgements_were_lost) {
  // The acknowledgement of 4 was lost, then that of the gap behind 5; and only the timers go on.
  ReceiveWindow receiver = receiver_at(5, 4, 0);
  ACKS(receiver.on_data(7, false));
  TAKES(receiver.on_data(6, false));
  IGNORES(receiver.on_data(5, false));
  ACKS(receiver.on_data(6, false));
}

Test(tftp_receive_window, takes_no_block_of_the_middle_that_the_network_doubled_as_a_question) {
  ReceiveWindow receiver = receiver_at(8, 8, 0);
  for (std::uint16_t block = 9; block < 16; ++block) {
    TAKES(receiver.on_data(block, false));
    IGNORES(receiver.on_data(block, false));
  }
  TAKES_AND_ACKS(receiver.on_data(16, false));
}

Test(tftp_receive_window, takes_no_straggler_from_before_the_window_as_a_question) {
  ReceiveWindow receiver = receiver_at(8, 4, 0);
  TAKES(receiver.on_data(9, false));
  IGNORES(receiver.on_data(5, false));
  IGNORES(receiver.on_data(9, false));
  // While one that lies within it shows that the sender has gone back.
  IGNORES(receiver.on_data(6, false));
  ACKS(receiver.on_data(9, false));
}

Test(tftp_receive_window, counts_its_window_from_what_it_acknowledged_for_silence) {
  ReceiveWindow receiver(8, 0);
  for (const std::uint16_t block : Numbers{1, 2, 3}) TAKES(receiver.on_data(block, false));
  receiver.on_timeout();
  cr_expect_eq(receiver.received(), 3);
  for (std::uint16_t block = 4; block < 11; ++block) TAKES(receiver.on_data(block, false));
  TAKES_AND_ACKS(receiver.on_data(11, false));
}

Test(tftp_receive_window, tells_of_the_gap_again_after_silence) {
  ReceiveWindow receiver(8, 0);
  receiver.on_data(1, false);
  ACKS(receiver.on_data(3, false));
  IGNORES(receiver.on_data(4, false));
  receiver.on_timeout();
  ACKS(receiver.on_data(5, false));
}

Test(tftp_receive_window, rolls_over_in_the_middle_of_a_window) {
  for (const std::uint16_t rollover : Numbers{0, 1}) {
    ReceiveWindow receiver = receiver_at(65532, 4, rollover);
    for (std::uint64_t number = 65533; number < 65536; ++number) {
      TAKES(receiver.on_data(wire_number(number, rollover), false));
    }
    TAKES_AND_ACKS(receiver.on_data(rollover, false));
    IGNORES(receiver.on_data(65535, false));
    ACKS(receiver.on_data(rollover, false));
    TAKES(receiver.on_data(static_cast<std::uint16_t>(rollover + 1), false));
    cr_expect_eq(receiver.received(), 65537);
  }
}

Test(tftp_receive_window, knows_no_block_nought_where_the_numbers_roll_over_to_one) {
  ReceiveWindow receiver = receiver_at(65534, 4, 1);
  IGNORES(receiver.on_data(0, false));
  TAKES(receiver.on_data(65535, false));
  IGNORES(receiver.on_data(0, false));
  TAKES_AND_ACKS(receiver.on_data(1, false));
}

Test(tftp_receive_window, is_no_larger_than_half_of_the_numbers) {
  for (const std::uint16_t rollover : Numbers{0, 1}) {
    ReceiveWindow receiver(65535, rollover);
    for (std::uint16_t block = 1; block < kMaxWindow; ++block) {
      cr_assert_not(receiver.on_data(block, false).ack);
    }
    TAKES_AND_ACKS(receiver.on_data(kMaxWindow, false));
    // The whole window again, as if the acknowledgement was lost, takes nothing.
    for (std::uint16_t block = 1; block < kMaxWindow; ++block) {
      const Verdict verdict = receiver.on_data(block, false);
      cr_assert(!verdict.take && !verdict.ack);
    }
    ACKS(receiver.on_data(kMaxWindow, false));
    ACKS(receiver.on_data(65534, false));
    IGNORES(receiver.on_data(65535, false));
    cr_expect_eq(receiver.received(), kMaxWindow);
  }
}

Test(tftp_receive_window, of_none_is_one_of_one) {
  ReceiveWindow receiver(0, 0);
  TAKES_AND_ACKS(receiver.on_data(1, false));
}
