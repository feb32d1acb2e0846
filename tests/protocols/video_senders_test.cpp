#include "protocols/video/senders.h"

#include <criterion/criterion.h>

#include <optional>

#include "reactor/log.h"
#include "tests/protocols/video_frames_scene.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/udp.h"

using namespace sluice;
using namespace sluice::video;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  explicit Fixture(Encoding encoding) : source(encoding) {
    set_log_level(LogLevel::error);
    cr_assert(hub.start());
  }
  /// Turns the loop and the hands of the clock until `done`.
  template <class Done>
  bool reach(Done done) {
    return run_until(reactor, [&] {
      clock.advance(1ms);
      return done();
    });
  }

  FakeClock clock;
  Reactor reactor{{.clock = &clock}};
  GivenSource source;
  FrameHub hub{reactor, source};
};

struct Chunks : Fixture {
  Chunks() : Fixture(Encoding::bgr) { cr_assert(sender.start()); }
  UdpPeer peer;
  UdpFrameSender sender{hub, peer.address()};
};

Fd bound_to(std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const Address address = Address::loopback_v4(port);
  if (::bind(fd.get(), address.data(), address.size()) != 0) fd.reset();
  return fd;
}

/// All that has come, and waits.
std::vector<std::string> received(const Fd& fd) {
  std::vector<std::string> all;
  char buffer[65'536];
  for (ssize_t size; (size = ::recv(fd.get(), buffer, sizeof buffer, 0)) >= 0;) {
    all.emplace_back(buffer, static_cast<std::size_t>(size));
  }
  return all;
}

/// A receiver with RTP on one port and RTCP on the next.
struct Rtp : Fixture {
  Rtp() : Fixture(Encoding::jpeg) {
    while (!control) {
      media = bound_to(0);
      to = *Address::local_of(media.get());
      if (to.port() < 65'535) control = bound_to(static_cast<std::uint16_t>(to.port() + 1));
    }
    sender.emplace(hub, RtpSender::Options{.to = to});
    cr_assert(sender->start());
  }
  /// Gives a picture and takes it from the wire.
  bool is_sent(const std::string& jpeg) {
    source.give(jpeg, 64, 48);
    const std::uint64_t before = depacketizer.frames();
    return reach([&] {
      for (const std::string& one : received(media)) depacketizer.take(as_bytes(one));
      return depacketizer.frames() > before;
    });
  }

  Fd media, control;
  Address to;
  std::optional<RtpSender> sender;
  RtpDepacketizer depacketizer;
};

}  // namespace

Test(udp_frame_sender, sends_a_frame_as_twenty_chunks) {
  Chunks f;
  ChunkAssembler chunks;
  for (unsigned i = 1; i <= 3; ++i) {
    f.source.give(pixels(i), 640, 480);
    std::size_t got = 0;
    cr_assert(f.reach([&] {
      while (!f.peer.is_silent()) {
        ++got;
        chunks.take(as_bytes(f.peer.receive()));
      }
      return chunks.frames() == i;
    }));
    cr_expect(got == 20);
    cr_expect(as_text(chunks.picture()) == pixels(i));
  }
  cr_expect(chunks.refused() == 0 && chunks.dropped() == 0);
  cr_expect(f.sender.counters().frames == 3 && f.sender.counters().datagrams == 60);
  cr_expect(f.sender.counters().bytes == 60 * chunks::kDatagramBytes);
}

Test(udp_frame_sender, does_not_send_all_of_a_frame_at_once) {
  Chunks f;
  f.source.give(pixels(1), 640, 480);
  turn(f.reactor, 10);
  cr_expect(f.sender.counters().datagrams == 2);
  f.clock.advance(2ms);
  turn(f.reactor, 10);
  cr_expect(f.sender.counters().datagrams == 4);
  // But half of a frame's time is enough for all of it.
  for (int i = 0; i < 9; ++i) {
    f.clock.advance(2ms);
    turn(f.reactor, 2);
  }
  cr_expect(f.sender.counters().frames == 1);
}

Test(udp_frame_sender, skips_what_comes_while_a_frame_is_under_way) {
  Chunks f;
  f.source.give(pixels(1), 640, 480);
  f.source.give(pixels(2), 640, 480);
  cr_assert(f.reach([&] { return f.sender.counters().frames == 1; }));
  cr_expect(f.sender.counters().skipped == 1);
  cr_expect(f.peer.receive().substr(1) == pixels(1).substr(0, chunks::kBytes));
}

Test(udp_frame_sender, skips_frames_of_another_size) {
  Chunks f;
  f.source.give(pixels(1).substr(3), 640, 480);
  f.source.give(pixels(1), 480, 640);
  turn(f.reactor, 3);
  cr_expect(f.sender.counters().skipped == 2 && f.peer.is_silent());
}

Test(udp_frame_sender, goes_on_when_nobody_listens) {
  Chunks f;
  f.peer.close();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    f.source.give(pixels(1), 640, 480);
    cr_assert(f.reach([&] { return f.sender.counters().frames == i; }));
  }
}

Test(udp_frame_sender, leaves_the_hub_when_it_dies) {
  Fixture f(Encoding::bgr);
  UdpPeer peer;
  {
    UdpFrameSender sender(f.hub, peer.address());
    cr_assert(sender.start());
    cr_expect(f.hub.sinks() == 1);
    f.source.give(pixels(1), 640, 480);
  }
  cr_expect(f.hub.sinks() == 0);
  f.clock.advance(1s);
  turn(f.reactor, 3);
}

Test(udp_frame_sender, says_what_it_cannot_send) {
  Fixture f(Encoding::jpeg);
  UdpFrameSender sender(f.hub, Address::loopback_v4(9));
  cr_expect(!sender.start());
  Fixture pixels(Encoding::bgr);
  UdpFrameSender nowhere(pixels.hub, Address::loopback_v4(0));
  cr_expect(!nowhere.start());
}

Test(rtp_sender, sends_pictures_that_come_out_as_they_were) {
  Rtp f;
  std::uint32_t before = 0;
  for (const std::size_t size : {10u, 5'000u, 500'000u}) {
    const std::string jpeg = MadeJpeg{.scan = scan_of(size)}.bytes();
    cr_assert(f.is_sent(jpeg), "%zu", size);
    cr_expect(as_text(f.depacketizer.picture()) == jpeg);
    cr_expect(size == 10 || static_cast<std::int32_t>(f.depacketizer.timestamp() - before) > 0);
    before = f.depacketizer.timestamp();
  }
  cr_expect(f.depacketizer.lost() == 0 && f.depacketizer.refused() == 0);
  cr_assert(f.reach([&] { return f.sender->counters().frames == 3; }));
  cr_expect(f.sender->counters().skipped == 0);
}

Test(rtp_sender, spreads_a_large_picture_over_time) {
  Rtp f;
  f.source.give(MadeJpeg{.scan = scan_of(400'000)}.bytes(), 64, 48);
  turn(f.reactor, 10);
  const std::uint64_t first = f.sender->counters().datagrams;
  cr_expect(first > 0 && first <= 64, "%zu", static_cast<std::size_t>(first));
  f.source.give(MadeJpeg{}.bytes(), 64, 48);
  cr_expect(f.sender->counters().skipped == 1);
  for (int i = 0; i < 10; ++i) {
    f.clock.advance(2ms);
    turn(f.reactor, 2);
  }
  cr_expect(f.sender->counters().frames == 1);
}

Test(rtp_sender, skips_what_rtp_cannot_carry_and_goes_on) {
  Rtp f;
  f.source.give(MadeJpeg{.frame_marker = 0xC2}.bytes(), 64, 48);
  f.source.give("no JPEG", 64, 48);
  cr_expect(f.sender->counters().skipped == 2);
  cr_expect(f.is_sent(MadeJpeg{}.bytes()));
}

Test(rtp_sender, gives_each_frame_a_time_of_its_own) {
  Rtp f;
  cr_assert(f.is_sent(MadeJpeg{}.bytes()));
  const std::uint32_t first = f.depacketizer.timestamp();
  f.source.give(MadeJpeg{}.bytes(), 64, 48);
  f.source.give(MadeJpeg{}.bytes(), 64, 48);
  cr_assert(f.reach([&] {
    for (const std::string& one : received(f.media)) f.depacketizer.take(as_bytes(one));
    return f.depacketizer.frames() == 3;
  }));
  cr_expect(static_cast<std::int32_t>(f.depacketizer.timestamp() - first) >= 2);
}

Test(rtp_sender, reports_every_five_seconds_and_says_bye) {
  Rtp f;
  turn(f.reactor, 3);
  cr_expect(received(f.control).empty());
  cr_assert(f.is_sent(MadeJpeg{}.bytes()));
  std::vector<std::string> reports = received(f.control);
  cr_assert(reports.size() == 1);
  cr_expect(reports[0].starts_with("\x80\xC8"));
  f.clock.advance(5s);
  turn(f.reactor, 3);
  reports = received(f.control);
  cr_assert(reports.size() == 1);
  cr_expect(reports[0].substr(20, 4) == std::string("\0\0\0\1", 4), "one datagram so far");
  cr_expect(reports[0].substr(4, 4) == reports[0].substr(32, 4), "one source");
  f.sender.reset();
  reports = received(f.control);
  cr_assert(reports.size() == 1);
  cr_expect(reports[0].substr(reports[0].size() - 8, 4) == std::string("\x81\xCB\0\1", 4));
}

Test(rtp_sender, describes_its_stream) {
  Rtp f;
  const std::string text = f.sender->description();
  cr_expect(text.contains(concat("\r\nm=video ", f.to.port(), " RTP/AVP 26\r\n")));
  cr_expect(text.contains("\r\ns=given\r\n"));
}

Test(rtp_sender, says_what_it_cannot_send) {
  Fixture f(Encoding::bgr);
  RtpSender sender(f.hub, {.to = Address::loopback_v4(5004)});
  cr_expect(!sender.start());
  Fixture jpeg(Encoding::jpeg);
  RtpSender last(jpeg.hub, {.to = Address::loopback_v4(65'535)});
  cr_expect(!last.start());
  RtpSender lost(jpeg.hub, {.to = *Address::parse("239.1.2.3:5004"), .interface = "nowhere0"});
  const auto started = lost.start();
  cr_expect(!started && started.error().contains("nowhere0"));
  cr_expect(jpeg.hub.sinks() == 0);
}
