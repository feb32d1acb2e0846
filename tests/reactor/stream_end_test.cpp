#include <criterion/criterion.h>

#include <algorithm>
#include <memory>
#include <string>

#include "reactor/stream.h"
#include "tests/support/loop.h"
#include "tests/support/recording_handler.h"
#include "tests/support/sockets.h"

/// All the ways in which a Stream ends.
using namespace sluice;
using namespace std::chrono_literals;

namespace {

/// A Stream, who hears of it, and its peer.
struct Fixture {
  explicit Fixture(SelectorKind kind, Pair made, const Stream::Options& options = Stream::kDefaults)
      : reactor({.selector = kind}),
        peer(std::move(made.theirs)),
        stream(reactor, std::move(made.ours), handler, options) {}

  bool until_closed() {
    return run_until(reactor, [&] {
      if (peer && tail == Tail::more) tail = read_some(peer.get(), arrived);
      return handler.closed;
    });
  }
  /// Until the peer has seen an end too.
  bool until_peer_ended() {
    return run_until(reactor, [&] {
      if (tail == Tail::more) tail = read_some(peer.get(), arrived);
      return tail != Tail::more;
    });
  }

  Reactor reactor;
  RecordingHandler handler;
  Fd peer;
  Stream stream;
  std::string arrived;
  Tail tail = Tail::more;
};

const std::string& four_megabytes() {
  static const std::string text(4'000'000, 'r');
  return text;
}

constexpr Stream::Options kRoomy{.high_mark = 1 << 30, .low_mark = 0, .write_cap = 1 << 30};

}  // namespace

TestEachSelector(stream_end, of_the_peer_is_told_and_by_default_answered) {
  Fixture f(kind, tcp_pair());
  send_text(f.peer.get(), "bye");
  shutdown(f.peer.get(), SHUT_WR);
  cr_assert(f.until_closed());
  cr_expect(f.handler.calls == "dec");
  cr_expect(!f.handler.error);
  cr_assert(f.until_peer_ended());
  cr_expect(f.tail == Tail::eof);
  cr_expect(!f.stream.open());
}

TestEachSelector(stream_end, of_the_peer_leaves_our_half_open) {
  Fixture f(kind, tcp_pair());
  f.handler.when_eof = [](Stream&) {};
  shutdown(f.peer.get(), SHUT_WR);
  cr_assert(run_until(f.reactor, [&] { return f.handler.eofs == 1; }));
  turn(f.reactor, 5);
  cr_expect(f.handler.eofs == 1 && !f.handler.closed);
  f.stream.write("still here");
  f.stream.shutdown_write();
  cr_expect(!f.handler.closed, "never from inside a call of the owner's");
  cr_assert(f.until_closed());
  cr_expect(!f.handler.error);
  cr_assert(f.until_peer_ended());
  cr_expect(f.arrived == "still here");
}

TestEachSelector(stream_end, of_our_half_leaves_the_peer_s_open) {
  Fixture f(kind, tcp_pair(), kRoomy);
  f.stream.write(four_megabytes());
  f.stream.shutdown_write();
  f.stream.write("dropped");
  cr_assert(f.until_peer_ended());
  cr_expect(f.tail == Tail::eof);
  cr_expect(f.arrived == four_megabytes());
  send_text(f.peer.get(), "late news");
  cr_assert(run_until(f.reactor, [&] { return f.handler.data == "late news"; }));
  cr_expect(!f.handler.closed);
  f.peer.reset();
  cr_assert(f.until_closed());
  cr_expect(f.handler.calls == "dec" || f.handler.calls == "wdec", "%s", f.handler.calls.c_str());
  cr_expect(!f.handler.error);
}

TestEachSelector(stream_end, by_a_reset_comes_after_everything_that_was_sent) {
  Fixture f(kind, tcp_pair({.our_receive_buffer = 400'000}));
  f.stream.pause_reading();
  turn(f.reactor);
  const std::string sent(150'000, 's');  // more than one read
  send_text(f.peer.get(), sent);
  cr_assert(wait_for_bytes(f.stream.fd(), 150'000));
  reset_connection(f.peer);
  f.stream.resume_reading();
  cr_assert(f.until_closed());
  cr_expect(f.handler.error.code == ECONNRESET, "%s", f.handler.error.message().c_str());
  cr_expect(f.handler.data == sent, "%zu", f.handler.data.size());
  cr_expect(f.handler.calls == "dc", "no on_eof: a reset is no end of data");
}

TestEachSelector(stream_end, by_a_failed_write_comes_after_everything_that_was_sent) {
  Fixture f(kind, tcp_pair({.our_receive_buffer = 400'000}));
  const std::string sent(150'000, 's');  // more than one read
  send_text(f.peer.get(), sent);
  cr_assert(wait_for_bytes(f.stream.fd(), 150'000));
  reset_connection(f.peer);
  cr_assert(wait_for(f.stream.fd(), POLLERR | POLLHUP));
  f.stream.write("into the void");
  f.stream.write("again");
  cr_expect(!f.handler.closed);
  cr_assert(f.until_closed());
  cr_expect(f.handler.error.code == ECONNRESET || f.handler.error.code == EPIPE);
  cr_expect_str_eq(f.handler.error.operation, "send");
  cr_expect(f.handler.data == sent, "%zu", f.handler.data.size());
  cr_expect(f.handler.calls == "dc");
}

TestEachSelector(stream_end, by_the_write_cap_frees_the_queue_and_tells_later) {
  static constexpr Stream::Options kCapped{.high_mark = 100'000, .write_cap = 1'000'000};
  Fixture f(kind, tcp_pair(), kCapped);
  while (f.stream.queued() <= 900'000) f.stream.write(std::string(50'000, 'x'));
  cr_expect(!f.handler.closed);
  f.stream.write(std::string(200'000, 'x'));
  cr_expect(f.stream.queued() == 0);
  cr_expect(!f.handler.closed);
  turn(f.reactor);
  cr_expect(f.handler.calls == "Pc", "%s", f.handler.calls.c_str());
  cr_expect(f.handler.error.code == ENOBUFS);
  cr_assert(f.until_peer_ended());
  cr_expect(f.tail == Tail::reset, "what is missing must not pass for the whole");
}

TestEachSelector(stream_end, by_close_delivers_the_reply_although_input_is_unread) {
  Fixture f(kind, tcp_pair(), kRoomy);
  f.stream.pause_reading();
  send_text(f.peer.get(), "unread");
  f.stream.write(four_megabytes());
  f.stream.close();
  cr_assert(f.until_peer_ended());
  cr_expect(f.tail == Tail::eof, "not a reset, which would destroy the reply");
  cr_expect(f.arrived.size() == 4'000'000, "%zu", f.arrived.size());
  f.peer.reset();
  cr_assert(f.until_closed());
  cr_expect(f.handler.calls == "c", "%s", f.handler.calls.c_str());
  cr_expect(!f.handler.error);
}

TestEachSelector(stream_end, by_close_throws_away_what_still_comes) {
  Fixture f(kind, tcp_pair());
  f.stream.write("last words");
  f.stream.close();
  f.stream.write("too late");
  f.stream.close();
  cr_assert(f.until_peer_ended());
  cr_expect(f.arrived == "last words");
  send_text(f.peer.get(), "not heard");
  turn(f.reactor, 3);
  cr_expect(!f.handler.closed, "the peer has not ended yet");
  f.peer.reset();
  cr_assert(f.until_closed());
  cr_expect(f.handler.calls == "c");
  cr_expect(!f.handler.error);
}

TestEachSelector(stream_end, by_close_after_both_halves_ended_comes_at_once) {
  Fixture f(kind, tcp_pair());
  f.handler.when_eof = [](Stream&) {};
  shutdown(f.peer.get(), SHUT_WR);
  cr_assert(run_until(f.reactor, [&] { return f.handler.eofs == 1; }));
  f.stream.close();
  cr_expect(!f.handler.closed);
  turn(f.reactor);
  cr_expect(f.handler.calls == "ec");
}

TestEachSelector(stream_end, by_close_comes_when_a_send_fails_although_the_peer_s_half_stays_open) {
  Fixture f(kind, unix_pair());
  fill(f.stream.fd());
  f.stream.write("waits");
  f.stream.close();
  turn(f.reactor);
  cr_expect(!f.handler.closed, "it still waits to be sent");
  shutdown(f.peer.get(), SHUT_RD);
  cr_assert(f.until_closed());
  cr_expect(f.handler.error.code == EPIPE, "%s", f.handler.error.message().c_str());
  cr_expect(f.handler.calls == "c", "%s", f.handler.calls.c_str());
}

TestEachSelector(stream_end,
                 by_close_after_a_failed_send_comes_although_the_peer_s_half_stays_open) {
  Fixture f(kind, unix_pair());
  shutdown(f.peer.get(), SHUT_RD);
  f.stream.write("into the void");
  turn(f.reactor, 3);
  cr_expect(!f.handler.closed, "the peer may still have something to say");
  f.stream.close();
  cr_expect(!f.handler.closed, "never from inside a call of the owner's");
  cr_assert(f.until_closed());
  cr_expect(f.handler.error.code == EPIPE, "%s", f.handler.error.message().c_str());
  cr_expect(f.handler.calls == "c", "%s", f.handler.calls.c_str());
}

TestEachSelector(stream_end, after_a_failed_send_comes_also_when_the_owner_pauses_the_reading) {
  Fixture f(kind, unix_pair());
  shutdown(f.peer.get(), SHUT_RD);
  f.stream.write("into the void");
  f.stream.pause_reading();
  cr_assert(f.until_closed());
  cr_expect(f.handler.error.code == EPIPE, "%s", f.handler.error.message().c_str());
}

TestEachSelector(stream_end, by_abort_is_a_reset_and_silent) {
  Fixture f(kind, tcp_pair(), kRoomy);
  f.stream.write(four_megabytes());
  f.stream.abort();
  f.stream.abort();
  f.stream.close();
  f.stream.shutdown_write();
  f.stream.resume_reading();
  f.stream.write("x");
  cr_expect(f.stream.fd() == -1 && !f.stream.open() && f.stream.drained());
  cr_assert(f.until_peer_ended());
  cr_expect(f.tail == Tail::reset);
  turn(f.reactor, 3);
  cr_expect(f.handler.calls.find('c') == std::string::npos);
}

TestEachSelector(stream_end, by_abort_without_a_reset_is_a_plain_close) {
  Fixture f(kind, tcp_pair());
  f.stream.write("hello");
  f.stream.abort(false);
  cr_assert(f.until_peer_ended());
  cr_expect(f.tail == Tail::eof);
  cr_expect(f.arrived == "hello");
}

TestEachSelector(stream_end, can_be_brought_about_in_every_call) {
  // In each call of the handler, in turn: abort, close, and retire the object that holds it all.
  for (const char call : {'d', 'e', 'P', 'p', 'w'}) {
    for (const int how : {0, 1, 2}) {
      Reactor reactor({.selector = kind});
      struct Session {
        RecordingHandler handler;
        std::unique_ptr<Stream> stream;
      };
      auto session = std::make_unique<Session>();
      RecordingHandler& handler = session->handler;
      Pair pair = unix_pair();
      const Stream::Options options{.high_mark = 1000, .low_mark = 100};
      session->stream = std::make_unique<Stream>(reactor, std::move(pair.ours), handler, options);
      bool done = false;
      const auto end = [&](Stream& stream, char now) {
        if (now != call || done) return;
        done = true;
        if (how == 0) stream.abort();
        if (how == 1) stream.close();
        if (how == 2) reactor.retire(std::move(session));
      };
      handler.when_data = [&](Stream& from, auto) { end(from, 'd'); };
      handler.when_eof = [&](Stream& from) { end(from, 'e'); };
      handler.when_pressed = [&](Stream& from, bool on) { end(from, on ? 'P' : 'p'); };
      handler.when_drained = [&](Stream& from) { end(from, 'w'); };
      send_text(pair.theirs.get(), "hello");
      fill(session->stream->fd());
      session->stream->write(std::string(5000, 'x'));
      std::string arrived;
      for (int i = 0; i < 100 && !done; ++i) {
        turn(reactor);
        if (i == 5) read_some(pair.theirs.get(), arrived);
        if (i == 10) shutdown(pair.theirs.get(), SHUT_WR);
      }
      cr_assert(done, "%c %d", call, how);
      turn(reactor, 3);
    }
  }
}

TestEachSelector(stream_end, can_retire_its_owner) {
  Reactor reactor({.selector = kind});
  struct Session final : StreamHandler {
    Session(Reactor& loop, Fd socket, int* living)
        : stream(loop, std::move(socket), *this), count(living) {
      ++*count;
    }
    ~Session() override { --*count; }
    void on_data(Stream&, std::span<const std::byte>) noexcept override {}
    void on_closed(Stream& from, Error) noexcept override {
      from.reactor().retire(std::unique_ptr<Session>(this));
    }
    Stream stream;
    int* count;
  };
  int living = 0;
  Pair pair = tcp_pair();
  new Session(reactor, std::move(pair.ours), &living);
  cr_expect(living == 1);
  pair.theirs.reset();
  cr_assert(run_until(reactor, [&] { return living == 0; }));
}
