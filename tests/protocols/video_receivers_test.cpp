#include "protocols/video/receivers.h"

#include <criterion/criterion.h>

#include "protocols/video/senders.h"
#include "protocols/video/tcp_frame_service.h"
#include "tests/protocols/video_frames_scene.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/own_network.h"
#include "tests/support/sockets.h"
#include "tests/support/udp.h"

using namespace sluice;
using namespace sluice::video;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kTooLong("\0\0\0\0\0\0\0\x80", 8);

struct Fixture {
  Fixture() { set_log_level(LogLevel::error); }
  template <class Done>
  bool reach(Done done) {
    return run_until(reactor, done);
  }
  bool reach_frames(std::size_t count) {
    return reach([&] { return sink.frames.size() >= count; });
  }
  bool reach_end() {
    return reach([&] { return !sink.ends.empty(); });
  }

  Reactor reactor;
  KeepingSink sink;
};

/// A receiver with a connection whose other end is in the test's hands.
struct Tcp : Fixture {
  explicit Tcp(std::size_t max_bytes = FrameReader::kMaxBytes)
      : listener(*tcp_listen(Address::loopback_v4(0))),
        receiver(make_tcp_receiver(reactor, *Address::local_of(listener.get()), max_bytes)) {
    cr_assert(receiver->start(sink));
    cr_assert(wait_for(listener.get(), POLLIN));
    peer.reset(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  void send(std::string_view payload) {
    std::string frame = concat(as_text(frame_length(payload.size())), payload);
    for (std::string_view rest = frame; !rest.empty();) {
      const ssize_t sent = ::send(peer.get(), rest.data(), rest.size(), MSG_DONTWAIT);
      if (sent > 0) rest.remove_prefix(static_cast<std::size_t>(sent));
      turn(reactor);
    }
  }

  Fd listener, peer;
  std::unique_ptr<Receiver> receiver;
};

/// A hub and what it is sent to, in one loop.
struct Sent : Fixture {
  explicit Sent(Encoding encoding) : source(encoding) { cr_assert(hub.start()); }
  GivenSource source;
  FrameHub hub{reactor, source};
};

}  // namespace

Test(tcp_receiver, tells_jpeg_and_pixels_apart) {
  Tcp f;
  const std::string jpeg = MadeJpeg{}.bytes();
  f.send(jpeg + "padding");
  f.send(pixels(1));
  std::string odd = pixels(2);
  odd[0] = '\x80';
  f.send(odd);
  odd[0] = '\xFF';
  odd[1] = '\xD8';
  f.send(odd);
  cr_assert(f.reach_frames(4));
  cr_expect(f.sink.bytes(0) == jpeg);
  cr_expect(f.sink.frames[0].width == 64 && f.sink.frames[0].height == 48);
  cr_expect(f.sink.frames[0].encoding == Encoding::jpeg);
  cr_expect(f.receiver->encoding() == Encoding::jpeg);
  for (std::size_t i = 1; i < 4; ++i) {
    cr_expect(f.sink.frames[i].encoding == Encoding::bgr);
    cr_expect(f.sink.frames[i].width == 640 && f.sink.frames[i].height == 480);
    cr_expect(f.sink.frames[i].number == i + 1);
  }
  cr_expect(f.sink.bytes(1) == pixels(1) && f.sink.bytes(3) == odd);
}

Test(tcp_receiver, counts_what_is_no_picture_and_goes_on) {
  Tcp f;
  f.send("");
  f.send("no picture");
  f.send("\xFF\xD8 cut short");
  f.send("\x80\x04 no pickle");
  f.send(MadeJpeg{}.bytes());
  cr_assert(f.reach_frames(1));
  cr_expect(f.receiver->counters().refused == 3);
  cr_expect(f.receiver->counters().frames == 1 && f.receiver->lost() == 0);
  cr_expect(f.sink.frames[0].number == 1);
}

Test(tcp_receiver, ends_well_between_two_frames) {
  Tcp f;
  f.send(MadeJpeg{}.bytes());
  f.peer.reset();
  cr_assert(f.reach_end());
  cr_expect(f.sink.ends[0].empty(), "%s", f.sink.ends[0].c_str());
  turn(f.reactor, 5);
  cr_expect(f.sink.ends.size() == 1);
}

Test(tcp_receiver, says_that_a_stream_broke_off) {
  Tcp f;
  f.send(MadeJpeg{}.bytes());
  send_text(f.peer.get(), "\x09");
  f.peer.reset();
  cr_assert(f.reach_end());
  cr_expect(f.sink.ends[0].contains("in the middle of a frame"));
  cr_expect(f.receiver->lost() == 1);
}

Test(tcp_receiver, says_that_a_stream_was_reset) {
  Tcp f;
  f.send(MadeJpeg{}.bytes());
  cr_assert(f.reach_frames(1));
  reset_connection(f.peer);
  cr_assert(f.reach_end());
  cr_expect(!f.sink.ends[0].empty());
  cr_expect(f.sink.ends.size() == 1);
}

Test(tcp_receiver, refuses_a_length_of_2_to_the_63) {
  Tcp f;
  send_text(f.peer.get(), kTooLong);
  cr_assert(f.reach_end());
  cr_expect(f.sink.ends[0].contains("announces a frame of 9223372036854775808 bytes"), "%s",
            f.sink.ends[0].c_str());
  cr_expect(f.receiver->counters().refused == 1);
}

Test(tcp_receiver, takes_frames_up_to_its_bound) {
  const std::string jpeg = MadeJpeg{.scan = scan_of(1000)}.bytes();
  Tcp f(jpeg.size());
  f.send(jpeg);
  cr_assert(f.reach_frames(1));
  send_text(f.peer.get(), as_text(frame_length(jpeg.size() + 1)));
  cr_assert(f.reach_end());
}

Test(tcp_receiver, says_that_nobody_is_there) {
  Fixture f;
  Fd listener = *tcp_listen(Address::loopback_v4(0));
  const Address address = *Address::local_of(listener.get());
  listener.reset();
  const auto receiver = make_tcp_receiver(f.reactor, address);
  cr_assert(receiver->start(f.sink));
  cr_assert(f.reach_end());
  cr_expect(f.sink.ends[0].contains(address.to_string()), "%s", f.sink.ends[0].c_str());
}

Test(tcp_receiver, gets_from_our_service_what_was_given) {
  for (const Encoding encoding : {Encoding::jpeg, Encoding::bgr}) {
    Sent f(encoding);
    TcpFrameService service(f.reactor, f.hub, {.address = Address::loopback_v4(0)});
    cr_assert(service.start());
    auto receiver = make_tcp_receiver(f.reactor, *Address::parse(service.address()));
    cr_assert(receiver->start(f.sink));
    cr_assert(f.reach([&] { return f.hub.sinks() == 1; }));
    std::vector<std::string> given;
    for (unsigned i = 0; i < 5; ++i) {
      given.push_back(encoding == Encoding::bgr ? pixels(i)
                                                : MadeJpeg{.scan = scan_of(i * 9999 + 1)}.bytes());
      f.source.give(given.back(), 640, 480);
      cr_assert(f.reach_frames(i + 1));
      cr_expect(f.sink.bytes(i) == given[i]);
      cr_expect(f.sink.frames[i].encoding == encoding);
    }
    cr_expect(receiver->encoding() == encoding);
    f.source.end("");
    cr_assert(f.reach_end());
    cr_expect(f.sink.ends[0].empty());
    receiver.reset();
    service.abort();
  }
}

Test(udp_receiver, gets_from_our_sender_what_was_given) {
  Sent f(Encoding::bgr);
  const auto receiver = make_udp_receiver(f.reactor, Address::loopback_v4(0));
  cr_assert(receiver->start(f.sink));
  UdpFrameSender sender(f.hub, *Address::parse(receiver->address()));
  cr_assert(sender.start());
  for (unsigned i = 0; i < 5; ++i) {
    f.source.give(pixels(i), 640, 480);
    cr_assert(f.reach_frames(i + 1));
    cr_expect(f.sink.bytes(i) == pixels(i));
    cr_expect(f.sink.frames[i].number == i + 1);
    cr_assert(f.reach([&] { return sender.counters().frames == i + 1; }));
  }
  const ReceiverCounters counters = receiver->counters();
  cr_expect(counters.frames == 5 && counters.lost == 0 && counters.datagrams == 100);
  cr_expect(counters.refused == 0 && counters.bytes == 100 * chunks::kDatagramBytes);
}

Test(udp_receiver, counts_what_is_lost_and_what_is_none) {
  Fixture f;
  const auto receiver = make_udp_receiver(f.reactor, Address::loopback_v4(0));
  cr_assert(receiver->start(f.sink));
  const UdpPeer peer(*Address::parse(receiver->address()));
  std::uint64_t sent = 0;
  const auto send = [&](std::string_view datagram) {
    peer.send(datagram);
    ++sent;
    cr_assert(f.reach([&] { return receiver->counters().datagrams == sent; }));
  };
  const auto send_frame = [&](unsigned number, std::size_t without) {
    const std::string bytes = pixels(number);
    for (std::size_t i = 0; i < chunks::kCount; ++i) {
      if (i == without) continue;
      send(concat(static_cast<char>(i), bytes.substr(i * chunks::kBytes, chunks::kBytes)));
    }
  };
  send("");
  send_frame(1, 99);
  send(std::string(chunks::kDatagramBytes, '\x14'));  // index 20
  send(std::string(chunks::kDatagramBytes, '\xFF'));
  send(std::string(chunks::kDatagramBytes + 1, '\0'));
  send(std::string(60'000, '\0'));
  send_frame(2, 5);
  send_frame(3, 99);
  cr_expect(f.sink.frames.size() == 2);
  cr_expect(f.sink.bytes(1) == pixels(3));
  cr_expect(receiver->lost() == 1);
  cr_expect(receiver->counters().refused == 5);
}

Test(udp_receiver, hears_one_sender_until_that_is_silent) {
  FakeClock clock;
  Reactor reactor({.clock = &clock});
  KeepingSink sink;
  const auto receiver = make_udp_receiver(reactor, Address::loopback_v4(0));
  cr_assert(receiver->start(sink));
  const Address to = *Address::parse(receiver->address());
  const UdpPeer one(to), other(to);
  const auto send_frame = [&](const UdpPeer& peer, unsigned number) {
    const std::string bytes = pixels(number);
    for (std::size_t i = 0; i < chunks::kCount; ++i) {
      const std::uint64_t before = receiver->counters().datagrams;
      peer.send(concat(static_cast<char>(i), bytes.substr(i * chunks::kBytes, chunks::kBytes)));
      cr_assert(run_until(reactor, [&] { return receiver->counters().datagrams > before; }));
    }
  };
  send_frame(one, 1);
  send_frame(other, 2);
  cr_expect(sink.frames.size() == 1 && receiver->counters().refused == 20);
  clock.advance(1s);
  send_frame(other, 2);
  cr_assert(sink.frames.size() == 2);
  cr_expect(sink.bytes(1) == pixels(2));
}

Test(rtp_receiver, gets_from_our_sender_what_was_given) {
  Sent f(Encoding::jpeg);
  const auto receiver = make_rtp_receiver(f.reactor, Address::loopback_v4(0));
  cr_assert(receiver->start(f.sink));
  const Address to = *Address::parse(receiver->address());
  if (to.port() == 65'535) cr_skip("there is no port for RTCP");
  RtpSender sender(f.hub, {.to = to});
  cr_assert(sender.start());
  for (std::size_t i = 0; i < 5; ++i) {
    const std::string jpeg = MadeJpeg{.scan = scan_of(i * 77'777 + 1)}.bytes();
    f.source.give(jpeg, 64, 48);
    cr_assert(f.reach_frames(i + 1));
    cr_expect(f.sink.bytes(i) == jpeg);
    cr_expect(f.sink.frames[i].width == 64 && f.sink.frames[i].height == 48);
    cr_assert(f.reach([&] { return sender.counters().frames == i + 1; }));
  }
  const UdpPeer stranger(to);
  stranger.send("no RTP");
  cr_assert(f.reach([&] { return receiver->counters().refused == 1; }));
  cr_expect(receiver->lost() == 0);
}

Test(datagram_receivers, hear_a_group_that_they_join) {
  OwnNetwork network;
  Sent f(Encoding::jpeg);
  const auto receiver =
      make_rtp_receiver(f.reactor, *Address::parse("239.1.2.3:0"), std::string("lo"));
  cr_assert(receiver->start(f.sink));
  const Address to = *Address::parse(receiver->address());
  RtpSender sender(f.hub, {.to = to, .ttl = 3, .interface = "lo"});
  const auto started = sender.start();
  cr_assert(started.has_value(), "%s", started.error().c_str());
  f.source.give(MadeJpeg{}.bytes(), 64, 48);
  cr_assert(f.reach_frames(1));
  cr_expect(sender.description().contains("c=IN IP4 239.1.2.3/3\r\n"));
  const auto all = make_udp_receiver(f.reactor, *Address::parse("239.1.2.4:0"));
  cr_expect(all->start(f.sink).has_value());
}

Test(datagram_receivers, say_what_they_cannot_have) {
  Fixture f;
  const UdpPeer taken;
  const auto udp = make_udp_receiver(f.reactor, taken.address());
  const auto started = udp->start(f.sink);
  cr_expect(!started && started.error().contains(taken.address().to_string()));
  const auto rtp =
      make_rtp_receiver(f.reactor, *Address::parse("239.1.2.3:0"), std::string("nowhere0"));
  cr_expect(!rtp->start(f.sink));
}
