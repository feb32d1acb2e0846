#include "protocols/video/tcp_frame_service.h"

#include <criterion/criterion.h>

#include "protocols/video/pickle.h"
#include "protocols/video/tcp_frames.h"
#include "tests/protocols/video_frames_scene.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace sluice::video;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  explicit Fixture(Encoding encoding = Encoding::jpeg, SelectorKind kind = SelectorKind::epoll)
      : reactor({.selector = kind, .clock = &clock}), source(encoding) {
    set_log_level(LogLevel::error);
    cr_assert(hub.start());
    cr_assert(service.start());
  }
  ~Fixture() { service.abort(); }

  /// A viewer that the service knows of.
  Fd viewer() {
    const std::size_t before = service.active();
    auto socket = tcp_start_connect(*Address::parse(service.address()));
    cr_assert(socket);
    cr_assert(run_until(reactor, [&] { return service.active() == before + 1; }));
    return std::move(*socket);
  }
  /// All payloads that have come until there are `count`, a '|' behind each.
  std::string payloads(const Fd& viewer, std::size_t count) {
    FrameReader reader;
    std::string got;
    run_until(reactor, [&] {
      std::string bytes;
      read_some(viewer.get(), bytes);
      for (std::string_view rest = bytes; !rest.empty();) {
        rest.remove_prefix(reader.feed(as_bytes(rest)));
        if (const auto payload = reader.payload()) {
          got += concat(as_text(*payload), '|');
          --count;
        }
      }
      return count == 0;
    });
    return got;
  }
  bool ends(const Fd& viewer) {
    std::string rest;
    return run_until(reactor, [&] { return read_some(viewer.get(), rest) != Tail::more; });
  }

  FakeClock clock;
  Reactor reactor;
  GivenSource source;
  FrameHub hub{reactor, source};
  TcpFrameService service{reactor, hub, {.address = Address::loopback_v4(0)}};
};

}  // namespace

TestEachSelector(tcp_frame_service, sends_jpeg_to_everyone_behind_its_length) {
  Fixture f(Encoding::jpeg, kind);
  const Fd one = f.viewer(), other = f.viewer();
  f.source.give("first", 1, 1);
  f.source.give("second", 1, 1);
  cr_expect(f.payloads(one, 2) == "first|second|");
  cr_expect(f.payloads(other, 2) == "first|second|");
  cr_expect(f.service.frames_sent == 4 && f.service.frames_skipped == 0);
  cr_expect(f.service.counters().bytes_out == 2 * (8 + 5 + 8 + 6));
}

Test(tcp_frame_service, sends_pixels_as_a_pickle) {
  Fixture f(Encoding::bgr);
  const Fd viewer = f.viewer();
  f.source.give("123456789012345678", 3, 2);
  std::string pickle = f.payloads(viewer, 1);
  pickle.pop_back();
  const auto read = read_pickle(as_bytes(pickle));
  cr_assert(read.has_value());
  cr_expect(read->width == 3 && read->height == 2 && as_text(read->bgr) == "123456789012345678");
}

Test(tcp_frame_service, joins_the_hub_only_while_somebody_looks) {
  Fixture f;
  cr_expect(f.hub.sinks() == 0);
  Fd viewer = f.viewer();
  cr_expect(f.hub.sinks() == 1);
  viewer.reset();
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 0; }));
  cr_expect(f.hub.sinks() == 0);
  cr_expect(f.service.counters().failures == 0);
}

Test(tcp_frame_service, does_not_count_a_viewer_that_leaves_as_a_failure) {
  Fixture f;
  Fd viewer = f.viewer();
  reset_connection(viewer);
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 0; }));
  cr_expect(f.service.counters().failures == 0);
}

Test(tcp_frame_service, throws_away_what_viewers_send) {
  Fixture f;
  const Fd viewer = f.viewer();
  fill(viewer.get());
  cr_assert(run_until(f.reactor, [&] {
    fill(viewer.get());
    return f.service.counters().bytes_in > 8'000'000;
  }));
  f.source.give("frame", 1, 1);
  cr_expect(f.payloads(viewer, 1) == "frame|");
}

Test(tcp_frame_service, skips_frames_for_a_viewer_that_does_not_read_and_ends_it_at_last) {
  Fixture f;
  const Fd deaf = f.viewer(), good = f.viewer();
  const std::string frame(2'000'000, 'x');
  for (int i = 0; i < 20; ++i) {
    f.source.give(frame, 1, 1);
    cr_assert(f.payloads(good, 1).size() == frame.size() + 1);
  }
  cr_expect(f.service.frames_skipped > 0);
  cr_expect(f.service.frames_sent >= 20);
  cr_expect(f.service.active() == 2);
  for (int i = 0; i < 59; ++i) {
    f.clock.advance(1s);
    f.source.give("x", 1, 1);
    cr_assert(f.payloads(good, 1) == "x|");
  }
  cr_expect(f.service.active() == 2);
  f.clock.advance(2s);
  turn(f.reactor, 3);
  cr_expect(f.service.active() == 1);
  cr_expect(f.service.counters().failures == 1);
  f.source.give("still here", 1, 1);
  cr_expect(f.payloads(good, 1) == "still here|");
}

Test(tcp_frame_service, keeps_a_viewer_that_reads_slowly) {
  Fixture f;
  const Fd slow = f.viewer();
  const std::string frame(8'000'000, 'x');
  f.source.give(frame, 1, 1);
  turn(f.reactor, 3);
  for (int i = 0; i < 10; ++i) {
    f.clock.advance(40s);
    std::string some;
    const std::uint64_t before = f.service.counters().bytes_out;
    cr_assert(run_until(f.reactor, [&] {
      read_some(slow.get(), some, 100'000);
      return f.service.counters().bytes_out > before;
    }));
    turn(f.reactor, 2);
    cr_assert(f.service.active() == 1);
  }
}

Test(tcp_frame_service, drains_by_ending_each_stream_between_two_frames) {
  Fixture f;
  Fd busy = f.viewer(), idle = f.viewer();
  const std::string frame(8'000'000, 'x');
  f.source.give("small", 1, 1);
  cr_expect(f.payloads(idle, 1) == "small|");
  cr_expect(f.payloads(busy, 1) == "small|");
  f.source.give(frame, 1, 1);
  turn(f.reactor, 3);
  f.service.drain();
  f.source.give("too late", 1, 1);
  cr_expect(f.payloads(busy, 1).size() == frame.size() + 1);
  cr_expect(f.payloads(idle, 1).size() == frame.size() + 1);
  cr_expect(f.ends(busy) && f.ends(idle));
  busy.reset();
  idle.reset();
  cr_assert(run_until(f.reactor, [&] { return f.service.finished(); }));
  cr_expect(f.service.counters().failures == 0);
}

Test(tcp_frame_service, ends_with_the_video) {
  Fixture f;
  Fd viewer = f.viewer();
  f.source.give("last", 1, 1);
  f.source.end("");
  cr_expect(f.payloads(viewer, 1) == "last|");
  cr_expect(f.ends(viewer));
  Fd late(std::move(*tcp_start_connect(*Address::parse(f.service.address()))));
  cr_expect(f.ends(late));
  viewer.reset();
  late.reset();
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 0; }));
}
