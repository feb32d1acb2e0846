#include <criterion/criterion.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/stream.h"
#include "reactor/text.h"
#include "tests/support/loop.h"
#include "tests/support/recording_handler.h"
#include "tests/support/sockets.h"

/// Stream::offer: what the kernel takes at once, and nothing queued.
using namespace sluice;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMuch = 8 * 1024 * 1024;  // more than two sockets' buffers hold

iovec piece(std::string_view text) {
  return {const_cast<char*>(text.data()), text.size()};
}

std::size_t offer(Stream& stream, std::string_view text) {
  const iovec one = piece(text);
  return stream.offer({&one, 1});
}

struct Fixture {
  explicit Fixture(SelectorKind kind, PairOptions sizes = {})
      : reactor({.selector = kind}),
        pair(tcp_pair(sizes)),
        stream(reactor, std::move(pair.ours), handler) {}

  int peer() const { return pair.theirs.get(); }
  /// Reads at the peer until `size` bytes have come in all.
  bool peer_gets(std::size_t size) {
    return run_until(reactor, [&] {
      return read_some(peer(), arrived) != Tail::more || arrived.size() >= size;
    });
  }

  Reactor reactor;
  Pair pair;
  RecordingHandler handler;
  Stream stream;
  std::string arrived;
};

}  // namespace

TestEachSelector(stream_offer, sends_pieces_in_order_with_one_call_and_owns_nothing) {
  Fixture f(kind);
  const iovec pieces[] = {piece("one "), piece(""), piece("two "), piece("three")};
  const auto before = f.reactor.selector().kernel_calls();
  cr_expect(f.stream.offer(pieces) == 13);
  cr_expect(offer(f.stream, "!") == 1);
  cr_expect(f.stream.drained() && f.stream.queued() == 0);
  turn(f.reactor, 2);
  cr_expect(f.reactor.selector().kernel_calls() == before);
  cr_assert(f.peer_gets(14));
  cr_expect(f.arrived == "one two three!");
  cr_expect(f.handler.calls == "", "%s", f.handler.calls.c_str());
}

TestEachSelector(stream_offer, of_nothing_is_all_taken) {
  Fixture f(kind);
  cr_expect(f.stream.offer({}) == 0);
  cr_expect(offer(f.stream, "") == 0);
  turn(f.reactor, 2);
  cr_expect(f.handler.calls == "");
}

TestEachSelector(stream_offer, tells_once_that_there_is_room_again_after_a_part) {
  Fixture f(kind, {.our_send_buffer = 16'384, .their_receive_buffer = 16'384});
  const std::string text(kMuch, 'x');
  const std::size_t sent = offer(f.stream, text);
  cr_assert(sent > 0 && sent < text.size());
  cr_expect(f.stream.drained(), "nothing is queued");
  cr_expect(f.handler.calls == "");
  cr_assert(run_until(f.reactor, [&] {
    read_some(f.peer(), f.arrived);
    return f.handler.calls == "w";
  }));
  cr_assert(f.peer_gets(sent));
  cr_expect(f.arrived.size() == sent);
  turn(f.reactor, 3);
  cr_expect(f.handler.calls == "w", "%s", f.handler.calls.c_str());
}

TestEachSelector(stream_offer, that_is_refused_whole_is_told_of_too) {
  Fixture f(kind, {.our_send_buffer = 16'384, .their_receive_buffer = 16'384});
  const std::size_t filled = fill(f.stream.fd());
  cr_assert(offer(f.stream, "late") == 0);
  cr_assert(offer(f.stream, "late") == 0);
  cr_assert(run_until(f.reactor, [&] {
    read_some(f.peer(), f.arrived);
    return f.handler.calls == "w";
  }));
  cr_expect(offer(f.stream, "late") == 4);
  cr_assert(f.peer_gets(filled + 4));
  cr_expect(f.arrived.ends_with("flate"));
}

TestEachSelector(stream_offer, repeated_from_on_drained_brings_everything_in_order) {
  Fixture f(kind, {.our_send_buffer = 16'384, .their_receive_buffer = 16'384});
  std::string text;
  while (text.size() < kMuch / 8) text += concat(text.size(), ' ');
  std::size_t sent = offer(f.stream, text);
  f.handler.when_drained = [&](Stream& stream) {
    sent += offer(stream, std::string_view(text).substr(sent));
  };
  cr_assert(f.peer_gets(text.size()));
  cr_expect(sent == text.size());
  cr_expect(f.arrived == text);
}

TestEachSelector(stream_offer, takes_nothing_while_something_is_queued) {
  Fixture f(kind, {.our_send_buffer = 16'384, .their_receive_buffer = 16'384});
  const std::string text(kMuch / 8, 'q');
  f.stream.write(text);
  cr_assert(!f.stream.drained());
  cr_expect(offer(f.stream, "past it") == 0);
  cr_assert(run_until(f.reactor, [&] {
    read_some(f.peer(), f.arrived);
    return f.stream.drained();
  }));
  cr_expect(f.handler.calls.ends_with("w"), "the queue's end tells of the offer, too");
  cr_expect(offer(f.stream, "behind") == 6);
  cr_assert(f.peer_gets(text.size() + 6));
  cr_expect(f.arrived == text + "behind");
}

TestEachSelector(stream_offer, of_a_part_may_be_followed_by_a_write) {
  Fixture f(kind, {.our_send_buffer = 16'384, .their_receive_buffer = 16'384});
  const std::string text(kMuch, 'x'), written(kMuch / 8, 'w');
  const std::size_t sent = offer(f.stream, text);
  cr_assert(sent < text.size());
  f.stream.write(written);
  cr_assert(!f.stream.drained());
  cr_expect(offer(f.stream, "no") == 0);
  cr_assert(f.peer_gets(sent + written.size()));
  cr_expect(f.arrived == text.substr(0, sent) + written);
  cr_assert(run_until(f.reactor, [&] { return f.handler.calls.ends_with("w"); }));
  turn(f.reactor, 3);
  cr_expect(std::ranges::count(f.handler.calls, 'w') == 1, "%s", f.handler.calls.c_str());
}

TestEachSelector(stream_offer, is_nothing_after_close_and_nobody_is_told) {
  Fixture f(kind, {.our_send_buffer = 16'384, .their_receive_buffer = 16'384});
  const std::string text(kMuch, 'x');
  const std::size_t sent = offer(f.stream, text);
  cr_assert(sent < text.size());
  f.stream.close();
  cr_expect(offer(f.stream, "late") == 0);
  Tail tail = Tail::more;
  cr_assert(run_until(f.reactor, [&] {
    if (tail == Tail::more) tail = read_some(f.peer(), f.arrived);
    return tail != Tail::more;
  }));
  cr_expect(tail == Tail::eof && f.arrived.size() == sent);
  f.pair.theirs.reset();
  cr_assert(run_until(f.reactor, [&] { return f.handler.closed; }));
  cr_expect(f.handler.calls == "c", "%s", f.handler.calls.c_str());
}

TestEachSelector(stream_offer, is_nothing_after_shutdown_write_and_abort) {
  Fixture f(kind);
  f.stream.shutdown_write();
  cr_expect(offer(f.stream, "late") == 0);
  f.stream.abort();
  cr_expect(offer(f.stream, "late") == 0);
  turn(f.reactor, 2);
  cr_expect(f.handler.calls == "");
}

TestEachSelector(stream_offer, does_not_spin_while_the_peer_reads_nothing) {
  Fixture f(kind, {.our_send_buffer = 16'384, .their_receive_buffer = 16'384});
  const std::string text(kMuch, 'x');
  cr_assert(offer(f.stream, text) < text.size());
  f.handler.when_drained = [&](Stream& stream) { offer(stream, text); };
  const auto turns = f.reactor.stats().turns;
  const auto until = std::chrono::steady_clock::now() + 50ms;
  while (std::chrono::steady_clock::now() < until) cr_assert(f.reactor.run_once(10ms));
  cr_expect(f.reactor.stats().turns - turns < 1000);
}

/// What the peer had sent before it went is delivered, then the end is told, once.
TestEachSelector(stream_offer, into_a_reset_ends_the_stream_in_a_later_turn) {
  Fixture f(kind);
  send_text(f.peer(), "last words");
  cr_assert(wait_for_bytes(f.stream.fd(), 10));
  reset_connection(f.pair.theirs);
  cr_assert(wait_for(f.stream.fd(), POLLHUP));
  cr_expect(offer(f.stream, "to nobody") == 0);
  cr_expect(f.handler.calls == "", "not from inside the call");
  cr_assert(run_until(f.reactor, [&] { return f.handler.closed; }));
  cr_expect(f.handler.error.code == ECONNRESET || f.handler.error.code == EPIPE);
  cr_expect(f.handler.closed_count == 1);
  cr_expect(offer(f.stream, "again") == 0);
}

TestEachSelector(stream_offer, into_a_reset_ends_a_paused_stream_too) {
  Fixture f(kind);
  f.stream.pause_reading();
  reset_connection(f.pair.theirs);
  cr_assert(wait_for(f.stream.fd(), POLLHUP));
  cr_expect(offer(f.stream, "to nobody") == 0);
  cr_assert(run_until(f.reactor, [&] { return f.handler.closed; }));
  cr_expect(f.handler.calls == "c");
}

TestEachSelector(stream_offer, waiting_for_room_hears_of_a_reset) {
  Fixture f(kind, {.our_send_buffer = 16'384, .their_receive_buffer = 16'384});
  const std::string text(kMuch, 'x');
  cr_assert(offer(f.stream, text) < text.size());
  reset_connection(f.pair.theirs);
  cr_assert(run_until(f.reactor, [&] { return f.handler.closed; }));
  cr_expect(f.handler.closed_count == 1);
}
