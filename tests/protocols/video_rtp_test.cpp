#include "protocols/video/rtp_jpeg.h"

#include <criterion/criterion.h>

#include <algorithm>

#include "tests/protocols/video_frames_scene.h"

using namespace sluice;
using namespace sluice::video;
using Taken = RtpDepacketizer::Taken;

namespace {

/// The datagrams of one picture.
std::vector<std::string> cut(RtpPacketizer& packetizer, const std::string& jpeg,
                             std::uint32_t timestamp) {
  cr_assert(packetizer.cut(as_bytes(jpeg), timestamp), "%s",
            std::string(packetizer.trouble()).c_str());
  std::vector<std::string> datagrams;
  std::size_t at = 0;
  for (const std::size_t size : packetizer.sizes()) {
    datagrams.emplace_back(as_text(packetizer.bytes().subspan(at, size)));
    at += size;
  }
  cr_assert(at == packetizer.bytes().size());
  return datagrams;
}

std::size_t at(std::string_view datagram, std::size_t offset, std::size_t size) {
  std::size_t number = 0;
  for (const char c : datagram.substr(offset, size)) number = number << 8 | (c & 0xFF);
  return number;
}

std::string scan_of(std::span<const std::byte> picture) {
  const auto head = read_jpeg(picture);
  cr_assert(head.has_value(), "%s", std::string(head.error()).c_str());
  return std::string(as_text(picture.subspan(head->scan_at, head->end - 2 - head->scan_at)));
}

struct Fixture {
  RtpPacketizer packetizer{0x12345678, 65'530};
  RtpDepacketizer depacketizer;

  Taken take(std::string_view datagram) { return depacketizer.take(as_bytes(datagram)); }
  /// What the last of them was taken for.
  Taken take_all(const std::vector<std::string>& datagrams, std::size_t without = SIZE_MAX) {
    Taken taken = Taken::part;
    for (std::size_t i = 0; i < datagrams.size(); ++i) {
      if (i != without) taken = take(datagrams[i]);
    }
    return taken;
  }
  void expect_refused(std::string_view datagram, std::string_view part) {
    cr_expect(take(datagram) == Taken::refused, "%s", std::string(part).c_str());
    cr_expect(depacketizer.trouble().contains(part), "%s",
              std::string(depacketizer.trouble()).c_str());
  }
  bool shows(std::string_view scan) const { return scan_of(depacketizer.picture()) == scan; }
};

/// The first datagram of a frame of two, with `change` made to it.
template <class Change>
std::string changed(Change change) {
  RtpPacketizer packetizer(1, 1);
  std::string datagram = cut(packetizer, MadeJpeg{.scan = ::scan_of(2000)}.bytes(), 5)[0];
  change(datagram);
  return datagram;
}

}  // namespace

Test(rtp_packetizer, cuts_a_picture_as_rfc_2435_has_it) {
  RtpPacketizer packetizer(0x01020304, 65'535);
  const MadeJpeg jpeg{.width = 320, .height = 240, .scan = scan_of(3000)};
  const auto datagrams = cut(packetizer, jpeg.bytes(), 0x0A0B0C0D);
  cr_assert(datagrams.size() == 3);
  std::string scan;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string& one = datagrams[i];
    cr_expect(one.size() <= rtp::kDatagramBytes);
    cr_expect(at(one, 0, 1) == 0x80);
    cr_expect(at(one, 1, 1) == (i == 2 ? 0x9Au : 0x1Au));
    cr_expect(at(one, 2, 2) == (65'535 + i) % 65'536);
    cr_expect(at(one, 4, 4) == 0x0A0B0C0D);
    cr_expect(at(one, 8, 4) == 0x01020304);
    cr_expect(at(one, 12, 4) == scan.size());
    cr_expect(at(one, 16, 4) == 0x01FF281E);  // 4:2:0, tables in band, 320/8, 240/8
    scan += one.substr(i == 0 ? 20 + 4 + 128 : 20);
  }
  cr_expect(scan == jpeg.scan);
  cr_expect(at(datagrams[0], 20, 4) == 128);
  const auto luminance = luminance_quantization(60);
  cr_expect(std::ranges::equal(as_bytes(datagrams[0].substr(24, 64)),
                               std::as_bytes(std::span(luminance))));
}

Test(rtp_packetizer, tells_of_restart_markers) {
  RtpPacketizer packetizer(1, 1);
  const MadeJpeg jpeg{.luminance_sampling = 0x21, .restart_interval = 4, .scan = scan_of(2000)};
  for (const std::string& one : cut(packetizer, jpeg.bytes(), 1)) {
    cr_expect(at(one, 16, 1) == 64);
    cr_expect(at(one, 20, 4) == 0x0004FFFF);
  }
}

Test(rtp_packetizer, refuses_what_rfc_2435_cannot_carry) {
  RtpPacketizer packetizer(1, 1);
  const auto refuses = [&](const std::string& jpeg, std::string_view part) {
    cr_expect(!packetizer.cut(as_bytes(jpeg), 1), "%s", std::string(part).c_str());
    cr_expect(packetizer.trouble().contains(part), "%s", std::string(packetizer.trouble()).c_str());
    cr_expect(packetizer.bytes().empty() && packetizer.sizes().empty());
  };
  refuses(MadeJpeg{.frame_marker = 0xC2}.bytes(), "baseline");
  refuses(MadeJpeg{.luminance_sampling = 0x11}.bytes(), "sampling");
  refuses(MadeJpeg{.luminance_sampling = 0x41}.bytes(), "sampling");
  refuses(MadeJpeg{.width = 2048}.bytes(), "2040");
  refuses(MadeJpeg{.height = 44}.bytes(), "multiples of 8");
  refuses(MadeJpeg{.scan = ""}.bytes(), "no picture");
  std::string own_tables = MadeJpeg{}.bytes();
  const std::size_t huffman = own_tables.find("\xFF\xC4");
  own_tables[huffman + 6] = 1;  // a code of two bits less, and one of one bit more
  own_tables[huffman + 7] = 0;
  refuses(own_tables, "Huffman");
  const std::string whole = MadeJpeg{}.bytes();
  cr_expect(!packetizer.cut(as_bytes(whole.substr(0, whole.size() - 2)), 1));
  cr_expect(!packetizer.cut({}, 1));
  cr_expect(packetizer.cut(as_bytes(whole), 1));
  cr_expect(packetizer.cut(as_bytes(MadeJpeg{.huffman = false}.bytes()), 1));
}

Test(rtp_depacketizer, gives_pictures_back_with_their_head) {
  Fixture f;
  for (const std::uint8_t sampling : {std::uint8_t{0x21}, std::uint8_t{0x22}}) {
    for (const std::uint16_t restarts : {std::uint16_t{0}, std::uint16_t{9}}) {
      for (const std::size_t size : {1, 1248, 1249, 5000, 300'000}) {
        const MadeJpeg jpeg{.width = 1280,
                            .height = 720,
                            .luminance_sampling = sampling,
                            .restart_interval = restarts,
                            .scan = ::scan_of(size)};
        static std::uint32_t timestamp = 0xFFFFF000;
        const auto datagrams = cut(f.packetizer, jpeg.bytes(), timestamp += 3600);
        cr_assert(f.take_all(datagrams) == Taken::frame);
        cr_expect(as_text(f.depacketizer.picture()) == jpeg.bytes());
        cr_expect(f.depacketizer.width() == 1280 && f.depacketizer.height() == 720);
        cr_expect(f.depacketizer.timestamp() == timestamp);
      }
    }
  }
  cr_expect(f.depacketizer.lost() == 0 && f.depacketizer.refused() == 0);
}

Test(rtp_depacketizer, takes_datagrams_in_any_order_and_twice) {
  Fixture f;
  const std::string scan = ::scan_of(20'000);
  auto first = cut(f.packetizer, MadeJpeg{.scan = scan}.bytes(), 1000);
  std::ranges::reverse(first);
  const auto second = cut(f.packetizer, MadeJpeg{.scan = "second"}.bytes(), 2000);
  first.insert(first.begin() + 3, first[1]);
  cr_expect(f.take_all(first) == Taken::frame);
  cr_expect(f.shows(scan));
  cr_expect(f.take(first[0]) == Taken::part);
  cr_expect(f.take_all(second) == Taken::frame);
  cr_expect(f.depacketizer.frames() == 2 && f.depacketizer.dropped() == 0);
  cr_expect(f.depacketizer.lost() == 0);
}

Test(rtp_depacketizer, waits_for_a_datagram_that_the_next_frame_has_overtaken) {
  Fixture f;
  const auto first = cut(f.packetizer, MadeJpeg{.scan = ::scan_of(5000)}.bytes(), 1000);
  const auto second = cut(f.packetizer, MadeJpeg{.scan = ::scan_of(5001)}.bytes(), 2000);
  cr_expect(f.take_all(first, 1) == Taken::part);
  f.take(second[0]);
  cr_expect(f.take(first[1]) == Taken::frame);
  cr_expect(f.shows(::scan_of(5000)));
  cr_expect(f.take_all(second, 0) == Taken::frame);
  cr_expect(f.depacketizer.dropped() == 0 && f.depacketizer.lost() == 0);
}

Test(rtp_depacketizer, drops_frames_of_which_something_is_missing) {
  const std::string scan = ::scan_of(5000);
  for (std::size_t lost = 0; lost < 4; ++lost) {
    Fixture f;
    f.take_all(cut(f.packetizer, MadeJpeg{.scan = "before"}.bytes(), 500));
    const auto first = cut(f.packetizer, MadeJpeg{.scan = scan}.bytes(), 1000);
    cr_assert(first.size() == 4);
    f.take_all(first, lost);
    cr_expect(f.depacketizer.frames() == 1);
    const auto second = cut(f.packetizer, MadeJpeg{.scan = "second"}.bytes(), 2000);
    cr_expect(f.take_all(second) == Taken::frame);
    cr_expect(f.shows("second"));
    cr_expect(f.depacketizer.dropped() == 1);
    cr_expect(f.depacketizer.lost() == 1);
    cr_expect(f.take(first[lost]) == Taken::part, "too late");
    cr_expect(f.depacketizer.dropped() == 1 && f.depacketizer.lost() == 0);
  }
}

Test(rtp_depacketizer, holds_few_unfinished_frames) {
  Fixture f;
  for (std::uint32_t i = 0; i < 100; ++i) {
    f.take_all(cut(f.packetizer, MadeJpeg{.scan = ::scan_of(5000)}.bytes(), i * 3600), 1);
  }
  cr_expect(f.depacketizer.frames() == 0 && f.depacketizer.dropped() == 97);
}

Test(rtp_depacketizer, computes_tables_of_a_quality_below_100) {
  for (const std::uint8_t quality : std::initializer_list<std::uint8_t>{1, 25, 50, 75, 99}) {
    Fixture f;
    const MadeJpeg jpeg{.quality = quality, .scan = ::scan_of(100)};
    std::string one = cut(f.packetizer, jpeg.bytes(), 1)[0];
    one[17] = static_cast<char>(quality);
    one.erase(20, 4 + 128);
    cr_expect(f.take(one) == Taken::frame);
    cr_expect(as_text(f.depacketizer.picture()) == jpeg.bytes());
  }
}

Test(rtp_depacketizer, keeps_tables_that_are_sent_once) {
  Fixture f;
  const MadeJpeg jpeg{.scan = ::scan_of(100)};
  std::string with = cut(f.packetizer, jpeg.bytes(), 1000)[0];
  with[17] = static_cast<char>(200);
  std::string without = cut(f.packetizer, jpeg.bytes(), 2000)[0];
  without[17] = static_cast<char>(200);
  without.replace(20, 4 + 128, 4, '\0');
  std::string another = cut(f.packetizer, jpeg.bytes(), 3000)[0];
  another[17] = static_cast<char>(201);
  another.replace(20, 4 + 128, 4, '\0');
  cr_expect(f.take(with) == Taken::frame);
  cr_expect(f.take(without) == Taken::frame);
  cr_expect(as_text(f.depacketizer.picture()) == jpeg.bytes());
  f.expect_refused(another, "without quantization tables");
}

Test(rtp_depacketizer, passes_over_what_rtp_may_have_besides) {
  Fixture f;
  std::string one = cut(f.packetizer, MadeJpeg{}.bytes(), 1)[0];
  one[0] = static_cast<char>(0x80 | 0x20 | 0x10 | 2);  // padding, an extension, two more sources
  one.insert(12, std::string("sou1sou2\0\0\0\1extn", 16));
  one += std::string("\0\0\3", 3);
  cr_expect(f.take(one) == Taken::frame);
  cr_expect(f.shows("scan"));
}

Test(rtp_depacketizer, refuses_datagrams_that_lie) {
  Fixture f;
  f.expect_refused("", "not RTP");
  f.expect_refused("short", "not RTP");
  f.expect_refused(changed([](auto& one) { one[0] = 0x40; }), "not RTP");
  f.expect_refused(changed([](auto& one) { one[1] = 96; }), "no JPEG");
  f.expect_refused(changed([](auto& one) { one.resize(19); }), "cut short");
  f.expect_refused(changed([](auto& one) { one.resize(100); }), "cut short");
  f.expect_refused(changed([](auto& one) { one.resize(152); }), "nothing in it");
  f.expect_refused(changed([](auto& one) { one[0] = '\x8F', one.resize(60); }), "cut short");
  f.expect_refused(changed([](auto& one) {
                     one[0] = '\xA0', one.back() = '\xFF', one.resize(200), one.back() = '\xFF';
                   }),
                   "padding");
  f.expect_refused(changed([](auto& one) { one[12] = 1; }), "interlaced");
  f.expect_refused(changed([](auto& one) { one[16] = 2; }), "type");
  f.expect_refused(changed([](auto& one) { one[17] = 0; }), "quantization");
  f.expect_refused(changed([](auto& one) { one[17] = 100; }), "quantization");
  f.expect_refused(changed([](auto& one) { one[18] = 0; }), "size");
  f.expect_refused(changed([](auto& one) { one[21] = 1; }), "quantization");  // 16 bits
  f.expect_refused(changed([](auto& one) { one[23] = 127; }), "quantization");
  f.expect_refused(changed([](auto& one) { one[22] = 60; }), "cut short");
  f.expect_refused(changed([](auto& one) { one[13] = one[14] = one[15] = '\xFF'; }), "too large");
  cr_expect(f.depacketizer.frames() == 0 && f.depacketizer.dropped() == 0);
}

Test(rtp_depacketizer, refuses_pieces_that_do_not_fit_together) {
  Fixture f;
  const auto good = cut(f.packetizer, MadeJpeg{.scan = ::scan_of(5000)}.bytes(), 1000);
  auto fresh = [number = std::uint16_t{0}](std::string one, auto change) mutable {
    one[2] = 1;  // a sequence number that nobody had
    one[3] = static_cast<char>(number++);
    change(one);
    return one;
  };
  f.take(good[0]);
  f.take(good[3]);
  f.expect_refused(fresh(good[1], [](auto& one) { one[15] = 1; }), "overlap");
  f.expect_refused(fresh(good[3], [](auto& one) { one.push_back('x'); }), "overlap");
  f.expect_refused(fresh(good[1], [](auto& one) { one[13] = 1; }), "beyond its end");
  f.expect_refused(fresh(good[1], [](auto& one) { one[1] |= '\x80'; }), "beyond its end");
  f.expect_refused(fresh(good[1], [](auto& one) { one[18] = 9; }), "changes");
  f.expect_refused(fresh(good[1], [](auto& one) { one[16] = 0; }), "changes");
  f.take(good[1]);
  cr_expect(f.take(good[2]) == Taken::frame);
  cr_expect(f.shows(::scan_of(5000)));
}

Test(rtp_depacketizer, hears_one_source_until_only_another_speaks) {
  Fixture f;
  RtpPacketizer other(99, 7);
  const MadeJpeg jpeg{.scan = ::scan_of(5000)};
  cr_expect(f.take_all(cut(f.packetizer, jpeg.bytes(), 1000)) == Taken::frame);
  for (std::uint32_t i = 0; i < 5; ++i) {
    cr_expect(f.take_all(cut(other, jpeg.bytes(), 5 + i)) == Taken::refused);
    cr_expect(f.take_all(cut(f.packetizer, jpeg.bytes(), 2000 + i)) == Taken::frame);
  }
  Taken taken = Taken::refused;
  int frames = 0;
  for (; taken != Taken::frame && frames < 10; ++frames) {
    taken = f.take_all(cut(other, jpeg.bytes(), static_cast<std::uint32_t>(20 + frames)));
  }
  cr_expect(frames == 4, "%d", frames);
  cr_expect(f.depacketizer.dropped() == 0);
}

Test(rtp_depacketizer, goes_on_when_a_source_begins_anew) {
  Fixture f;
  const MadeJpeg jpeg{.scan = ::scan_of(5000)};
  f.take_all(cut(f.packetizer, jpeg.bytes(), 5'000'000));
  RtpPacketizer again(0x12345678, 30'000);
  cr_expect(f.take_all(cut(again, jpeg.bytes(), 1000)) == Taken::frame);
  cr_expect(f.depacketizer.lost() == 0);
}
