#include "protocols/tftp/round_trip.h"

#include <criterion/criterion.h>

#include <chrono>

using namespace sluice;
using namespace sluice::tftp;
using namespace std::chrono_literals;

namespace {

void expect_timeout(const RoundTrip& trip, Duration expected, int line) {
  cr_expect_eq(trip.timeout().count(), expected.count(), "line %d: %ld instead of %ld us", line,
               static_cast<long>(trip.timeout() / 1us), static_cast<long>(expected / 1us));
}
#define WAITS(trip, expected) expect_timeout(trip, expected, __LINE__)

}  // namespace

Test(tftp_round_trip, waits_a_quarter_second_while_nothing_is_known) {
  const RoundTrip trip;
  WAITS(trip, 250ms);
  cr_expect_eq(trip.smoothed().count(), 0);
}

Test(tftp_round_trip, waits_three_times_the_first_one) {
  RoundTrip trip;
  trip.measured(100ms);
  cr_expect(trip.smoothed() == 100ms);
  WAITS(trip, 300ms);
}

Test(tftp_round_trip, follows_the_rfc_from_the_second_one_on) {
  RoundTrip trip;
  trip.measured(100ms);
  trip.measured(180ms);
  // The variation, 50 ms, is off by 80 ms: 57.5; what is smoothed goes from 100 to 110.
  cr_expect(trip.smoothed() == 110ms);
  WAITS(trip, 340ms);
  trip.measured(30ms);
  cr_expect(trip.smoothed() == 100ms);
  WAITS(trip, 352500us);
}

Test(tftp_round_trip, comes_near_to_what_does_not_change) {
  RoundTrip trip;
  trip.measured(2s);
  for (int i = 0; i < 200; ++i) trip.measured(100ms);
  cr_expect(trip.smoothed() >= 99ms && trip.smoothed() <= 101ms);
  cr_expect(trip.timeout() >= 99ms && trip.timeout() <= 105ms);
}

Test(tftp_round_trip, waits_no_less_than_the_floor) {
  RoundTrip trip;
  for (int i = 0; i < 10; ++i) trip.measured(50us);
  WAITS(trip, RoundTrip::kFloor);
  cr_expect(trip.smoothed() == 50us);
}

Test(tftp_round_trip, waits_no_more_than_the_ceiling) {
  RoundTrip trip;
  trip.measured(10s);
  WAITS(trip, RoundTrip::kCeiling);
  trip.lost();
  WAITS(trip, RoundTrip::kCeiling);
}

Test(tftp_round_trip, doubles_at_each_loss_until_something_is_measured) {
  RoundTrip trip;
  trip.measured(10ms);
  WAITS(trip, 30ms);
  for (const auto expected : {60ms, 120ms, 240ms, 480ms, 960ms, 1000ms, 1000ms}) {
    trip.lost();
    WAITS(trip, expected);
  }
  trip.measured(10ms);
  // The variation goes down from 5 ms to 3.75 ms.
  WAITS(trip, 25ms);
}

Test(tftp_round_trip, is_no_shorter_for_losses_where_the_way_is_slow) {
  RoundTrip trip;
  trip.measured(1s);
  WAITS(trip, 3s);
  trip.lost();
  WAITS(trip, 3s);
}

Test(tftp_round_trip, doubles_from_the_beginning_as_well) {
  RoundTrip trip;
  trip.lost();
  WAITS(trip, 500ms);
  trip.lost();
  WAITS(trip, 1s);
}

Test(tftp_round_trip, forgets_losses_in_a_row_at_any_answer) {
  RoundTrip trip;
  trip.measured(10ms);
  for (int i = 0; i < 6; ++i) trip.lost();
  trip.progressed(10ms);
  WAITS(trip, 30ms);
}

Test(tftp_round_trip, waits_longer_where_an_answer_without_a_sample_came_late) {
  RoundTrip trip;
  trip.measured(10ms);
  for (int i = 0; i < 3; ++i) trip.lost();
  trip.progressed(100ms);
  WAITS(trip, 200ms);
  trip.lost();
  trip.progressed(1min);
  WAITS(trip, RoundTrip::kCeiling);
}

Test(tftp_round_trip, learns_nothing_from_an_answer_without_a_sample_where_nothing_was_lost) {
  RoundTrip trip;
  trip.measured(10ms);
  trip.progressed(1s);
  WAITS(trip, 30ms);
}

Test(tftp_round_trip, begins_anew_where_it_cannot_have_been_so_long) {
  RoundTrip trip;
  trip.lost();
  trip.progressed(1ms, 8ms);
  WAITS(trip, 24ms);
  trip.measured(1s);  // such as a timer at the other end makes
  trip.lost();
  trip.progressed(1ms, 10ms);
  WAITS(trip, 30ms);
  trip.progressed(1ms, 6ms);
  WAITS(trip, 30ms);
}

Test(tftp_round_trip, knows_the_shortest) {
  RoundTrip trip;
  cr_expect(trip.least() == 0s);
  for (const auto sample : {30ms, 20ms, 500ms}) trip.measured(sample);
  cr_expect(trip.least() == 20ms);
}

Test(tftp_round_trip, survives_what_no_clock_should_say) {
  RoundTrip trip;
  trip.measured(-5s);
  cr_expect(trip.smoothed() == 0s);
  WAITS(trip, RoundTrip::kFloor);
  trip.measured(0ns);
  trip.measured(Duration::max());
  WAITS(trip, RoundTrip::kCeiling);
  trip.measured(Duration::min());
  cr_expect(trip.smoothed() >= 0s);
}
