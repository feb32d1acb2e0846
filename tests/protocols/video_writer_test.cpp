#include <criterion/criterion.h>

#include "protocols/video/frame_writer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace sluice::video;
using namespace std::chrono_literals;

namespace {

struct Ends final : StreamHandler {
  void on_data(Stream&, std::span<const std::byte>) noexcept override {}
  void on_drained(Stream&) noexcept override {
    if (writer) writer->on_drained();
  }
  void on_closed(Stream&, Error) noexcept override { closed = true; }
  FrameWriter* writer = nullptr;
  bool closed = false;
};

struct Scene {
  explicit Scene(Pair made = tcp_pair({.our_send_buffer = 8192, .their_receive_buffer = 8192}))
      : pair(std::move(made)),
        stream(reactor, std::move(pair.ours), handler),
        writer(stream, [this](const Frame& frame) {
          ++wrapped;
          const std::string before = concat('[', frame.number, ':', frame.bytes.size(), '|');
          return Wrapping{SharedBytes(as_bytes(before)),
                          SharedBytes(as_bytes(std::string_view("]")))};
        }) {
    handler.writer = &writer;
  }

  void send(std::size_t size) {
    const std::string bytes(size, static_cast<char>('a' + ++number % 26));
    writer.send({.bytes = SharedBytes(as_bytes(bytes)), .number = number});
  }

  /// Reads until nothing is under way any more.
  void read_all() {
    cr_assert(run_until(reactor, [this] {
      read_some(pair.theirs.get(), got);
      return writer.idle();
    }));
    cr_assert(run_until(reactor, [this] {
      read_some(pair.theirs.get(), got);
      return got.size() >= writer.bytes();
    }));
  }

  /// The numbers of the frames that arrived; each must be whole.
  std::vector<std::uint64_t> arrived() const {
    std::vector<std::uint64_t> numbers;
    std::string_view rest = got;
    while (!rest.empty()) {
      const std::size_t colon = rest.find(':'), bar = rest.find('|');
      cr_assert(rest[0] == '[' && bar != rest.npos);
      const auto which = parse_number<std::uint64_t>(rest.substr(1, colon - 1));
      const auto size = parse_number<std::size_t>(rest.substr(colon + 1, bar - colon - 1));
      cr_assert(which && size && rest.size() >= bar + 1 + *size + 1);
      const char letter = static_cast<char>('a' + *which % 26);
      cr_assert(rest.substr(bar + 1, *size) == std::string(*size, letter));
      cr_assert(rest[bar + 1 + *size] == ']');
      numbers.push_back(*which);
      rest.remove_prefix(bar + 1 + *size + 1);
    }
    return numbers;
  }

  FakeClock clock;
  Reactor reactor{{.clock = &clock}};
  Ends handler;
  Pair pair;
  Stream stream;
  FrameWriter writer;
  std::string got;
  std::uint64_t number = 0;
  int wrapped = 0;
};

constexpr std::size_t kLarge = 2'000'000;  // more than the kernel takes at once

}  // namespace

Test(video_writer, sends_every_frame_to_who_reads) {
  Scene s;
  for (int i = 0; i < 20; ++i) {
    s.send(i == 7 ? 0 : 50'000);
    s.read_all();
  }
  cr_expect(s.arrived().size() == 20 && s.writer.sent() == 20 && s.writer.skipped() == 0);
  cr_expect(s.writer.bytes() == s.got.size());
}

Test(video_writer, skips_to_the_newest_and_sends_none_in_part) {
  Scene s;
  for (int i = 0; i < 10; ++i) s.send(kLarge);
  cr_expect(s.writer.sent() == 0 && s.writer.skipped() == 8 && s.wrapped == 1);
  s.read_all();
  cr_expect(s.arrived() == std::vector<std::uint64_t>({1, 10}));
  cr_expect(s.writer.sent() == 2 && s.writer.skipped() == 8);
}

Test(video_writer, a_frame_that_has_not_begun_gives_way_too) {
  Scene s;
  s.send(kLarge);
  // The buffer is full: the next frame's turn comes, but not one byte of it goes.
  s.send(kLarge);
  std::uint64_t before = 0;
  cr_assert(run_until(s.reactor, [&] {
    if (s.writer.sent() == 1) return true;
    before = s.writer.bytes();
    read_some(s.pair.theirs.get(), s.got, 4096);
    return false;
  }));
  s.send(kLarge);
  s.send(kLarge);
  s.read_all();
  const auto numbers = s.arrived();
  cr_expect(numbers.front() == 1 && numbers.back() == 4);
  cr_expect(s.writer.sent() + s.writer.skipped() == 4);
}

Test(video_writer, holds_no_more_than_two_frames_and_lets_them_go) {
  Scene s;
  SharedBytes shared;
  {
    const std::string bytes(kLarge, 'x');
    shared = SharedBytes(as_bytes(bytes));
  }
  for (std::uint64_t i = 1; i <= 1000; ++i) s.writer.send({.bytes = shared, .number = i});
  cr_expect(s.stream.queued() == 0);
  cr_expect(s.writer.skipped() == 998);
}

Test(video_writer, knows_how_long_nothing_went) {
  Scene s;
  cr_expect(s.writer.stalled() == Duration::zero());
  s.send(kLarge);
  for (int i = 0; i < 3; ++i) {
    s.clock.advance(10s);
    turn(s.reactor);
    s.send(kLarge);  // which is no progress
  }
  cr_expect(s.writer.stalled() == 30s);
  const std::uint64_t before = s.writer.bytes();
  cr_assert(run_until(s.reactor, [&] {
    read_some(s.pair.theirs.get(), s.got);
    return s.writer.bytes() > before;
  }));
  cr_expect(s.writer.stalled() == Duration::zero());
  s.read_all();
  s.clock.advance(1h);
  turn(s.reactor);
  cr_expect(s.writer.stalled() == Duration::zero());
}

Test(video_writer, works_over_a_unix_socket) {
  Scene s(unix_pair());
  for (int i = 0; i < 5; ++i) s.send(kLarge);
  s.read_all();
  cr_expect(s.arrived() == std::vector<std::uint64_t>({1, 5}));
}

Test(video_writer, stays_calm_when_the_peer_has_gone) {
  Scene s;
  s.send(kLarge);
  reset_connection(s.pair.theirs);
  cr_assert(run_until(s.reactor, [&] {
    s.send(1000);
    return s.handler.closed;
  }));
  s.send(1000);
  cr_expect(s.writer.sent() == 0);
}
