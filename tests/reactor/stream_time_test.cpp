#include <criterion/criterion.h>

#include <optional>
#include <string>

#include "reactor/stream.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/recording_handler.h"
#include "tests/support/sockets.h"

/// Timeouts and the bounds of the lingering close, with a clock whose hands are turned.
using namespace sluice;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  Fixture(Pair pair, const Stream::Options& options)
      : peer(std::move(pair.theirs)), stream(reactor, std::move(pair.ours), handler, options) {}

  /// Lets `by` pass in steps, turning at each; stops when the stream has ended. What has passed.
  Duration pass(Duration by, Duration step = 100ms) {
    Duration passed{};
    while (passed < by && !handler.closed) {
      clock.advance(step);
      passed += step;
      turn(reactor, 2);
    }
    return passed;
  }

  FakeClock clock;
  Reactor reactor{{.clock = &clock}};
  RecordingHandler handler;
  Fd peer;
  Stream stream;
  std::string arrived;
};

constexpr Stream::Options kIdle{.idle_timeout = 5s};
constexpr Stream::Options kStall{
    .high_mark = 1 << 30, .low_mark = 0, .write_cap = 1 << 30, .stall_timeout = 3s};

}  // namespace

Test(stream_time, ends_an_idle_connection_when_its_time_is_over) {
  Fixture f(unix_pair(), kIdle);
  f.pass(4900ms);
  cr_expect(!f.handler.closed);
  f.pass(100ms);
  cr_assert(f.handler.closed);
  cr_expect(f.handler.error.code == ETIMEDOUT);
  cr_expect(f.handler.calls == "c");
}

Test(stream_time, counts_from_the_last_byte_read) {
  Fixture f(unix_pair(), kIdle);
  for (int i = 0; i < 4; ++i) {
    f.pass(4s);
    send_text(f.peer.get(), "x");
    turn(f.reactor);
  }
  cr_expect(!f.handler.closed);
  cr_expect(f.pass(10s) == 5s);
}

Test(stream_time, counts_from_the_last_byte_sent) {
  Fixture f(unix_pair(), kIdle);
  const SharedBytes shared(as_bytes("shared"));
  for (int i = 0; i < 4; ++i) {
    f.pass(4s);
    i % 2 == 0 ? f.stream.write("x") : f.stream.write(shared);
  }
  cr_expect(!f.handler.closed, "one that only sends is not idle");
  cr_expect(f.pass(10s) == 5s);
}

Test(stream_time, counts_no_time_in_which_we_have_told_the_peer_to_wait) {
  Fixture f(unix_pair(), kIdle);
  f.stream.pause_reading();
  f.pass(60s);
  cr_expect(!f.handler.closed);
  f.stream.resume_reading();
  cr_expect(f.pass(60s) > 0s);
  cr_expect(f.handler.error.code == ETIMEDOUT);
}

Test(stream_time, ends_a_connection_whose_peer_takes_nothing) {
  Fixture f(unix_pair(), kStall);
  f.pass(60s);
  cr_expect(!f.handler.closed, "with nothing to send nothing stalls");
  fill(f.stream.fd());
  f.stream.write(std::string(3'000'000, 'x'));
  for (int i = 0; i < 5; ++i) {
    f.pass(2900ms);
    std::string taken;
    read_some(f.peer.get(), taken);  // enough for the kernel to call it writable
    turn(f.reactor);
  }
  cr_expect(!f.handler.closed, "a slow reader is no stalled one");
  f.pass(2900ms);
  cr_expect(!f.handler.closed);
  f.pass(100ms);
  cr_assert(f.handler.closed);
  cr_expect(f.handler.error.code == ETIMEDOUT);
}

Test(stream_time, measures_a_stall_from_when_output_began_to_wait) {
  Fixture f(unix_pair(), kStall);
  f.pass(10s);
  fill(f.stream.fd());
  f.stream.write("x");
  cr_expect(f.pass(60s) == 3s);
}

Test(stream_time, does_no_timer_work_for_a_packet) {
  constexpr Stream::Options kBoth{.idle_timeout = 5s, .stall_timeout = 3s};
  Fixture f(unix_pair(), kBoth);
  f.handler.when_data = [](Stream& from, std::span<const std::byte> bytes) { from.write(bytes); };
  const SharedBytes shared(as_bytes("shared"));
  const TimePoint deadline = f.reactor.timers().next_deadline();
  for (int i = 0; i < 20; ++i) {
    send_text(f.peer.get(), "x");
    f.clock.advance(100ms);
    turn(f.reactor);
    f.stream.write(shared);
    cr_expect(f.reactor.timers().next_deadline() == deadline, "packet %d", i);
  }
  cr_expect(f.reactor.stats().timers_fired == 0);
}

Test(stream_time, has_no_timer_without_a_timeout) {
  Fixture f(unix_pair(), Stream::kDefaults);
  cr_expect(f.reactor.timers().empty());
  f.stream.write("x");
  cr_expect(f.reactor.timers().empty());
}

Test(stream_time, lingers_for_a_silent_peer_only_so_long) {
  Fixture f(tcp_pair(), Stream::kDefaults);
  f.stream.write("bye");
  f.stream.close();
  cr_expect(f.pass(60s) == limits::kLingerIdle);
  cr_expect(!f.handler.error, "we have said all we wanted");
}

Test(stream_time, lingers_for_a_talking_peer_only_so_long) {
  Fixture f(tcp_pair(), Stream::kDefaults);
  f.stream.close();
  Duration passed{};
  while (!f.handler.closed && passed < 60s) {
    send_text(f.peer.get(), "and another thing");
    cr_assert(wait_for(f.stream.fd(), POLLIN));
    passed += f.pass(500ms, 500ms);
  }
  cr_expect(passed == limits::kLingerTotal);
}

Test(stream_time, lingers_for_so_many_bytes_only) {
  Fixture f(tcp_pair(), Stream::kDefaults);
  f.stream.close();
  turn(f.reactor);
  std::size_t sent = 0;
  cr_assert(run_until(f.reactor, [&] {
    if (!f.handler.closed) sent += fill(f.peer.get());
    return f.handler.closed;
  }));
  cr_expect(sent > limits::kLingerBytes);
  cr_expect(f.handler.calls == "c");
}

Test(stream_time, lets_a_stall_end_a_closing_connection) {
  Fixture f(unix_pair(), kStall);
  fill(f.stream.fd());
  f.stream.write("the peer will never read this");
  f.stream.close();
  cr_expect(f.pass(60s) == 3s);
  cr_expect(f.handler.error.code == ETIMEDOUT);
}

Test(stream_time, lets_a_stall_end_a_closing_connection_that_has_no_timeout_of_its_own) {
  Fixture f(unix_pair(), Stream::kDefaults);
  fill(f.stream.fd());
  f.stream.write("the peer will never read this");
  f.pass(2 * limits::kClosingStall, 1s);
  cr_expect(!f.handler.closed, "while it is open, that is its owner's business");
  f.stream.close();
  cr_expect(f.pass(2 * limits::kClosingStall, 1s) == limits::kClosingStall);
  cr_expect(f.handler.error.code == ETIMEDOUT);
}

Test(stream_time, measures_a_stall_while_closing_from_then_and_not_from_the_beginning) {
  constexpr Stream::Options kLongIdle{.idle_timeout = 24h};  // only so that there is a timer
  Fixture f(unix_pair(), kLongIdle);
  f.pass(2 * limits::kClosingStall, 1s);
  fill(f.stream.fd());
  f.stream.write("the peer will never read this");
  f.stream.close();
  cr_expect(f.pass(2 * limits::kClosingStall, 1s) == limits::kClosingStall);
}
