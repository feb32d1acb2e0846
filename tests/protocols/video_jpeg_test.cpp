#include "protocols/video/jpeg.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <string>

#include "protocols/video/jpeg_tables.h"
#include "protocols/video/test_pattern.h"
#include "reactor/text.h"

using namespace sluice;
using namespace sluice::video;

namespace {

using Bytes = std::vector<std::byte>;

Bytes picture() {
  return TestPattern{320, 240}.draw_jpeg(7);
}

Bytes bytes_of(std::string_view text) {
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

/// A segment with its length.
Bytes segment(std::uint8_t code, Bytes content) {
  const std::size_t size = content.size() + 2;
  Bytes all{std::byte{0xff}, std::byte{code}, static_cast<std::byte>(size >> 8),
            static_cast<std::byte>(size)};
  all.insert(all.end(), content.begin(), content.end());
  return all;
}

Bytes with(Bytes bytes, std::size_t at, const Bytes& more) {
  bytes.insert(bytes.begin() + at, more.begin(), more.end());
  return bytes;
}

std::size_t find(const Bytes& bytes, std::uint8_t code) {
  const Bytes marker{std::byte{0xff}, std::byte{code}};
  return std::ranges::search(bytes, marker).begin() - bytes.begin();
}

Bytes without(Bytes bytes, std::uint8_t code) {
  const std::size_t at = find(bytes, code);
  const auto size = std::to_integer<std::size_t>(bytes[at + 2]) << 8 |
                    std::to_integer<std::size_t>(bytes[at + 3]);
  bytes.erase(bytes.begin() + at, bytes.begin() + at + 2 + size);
  return bytes;
}

bool refuses(const Bytes& bytes, std::string_view why) {
  const auto head = read_jpeg(bytes);
  if (!head && head.error() == why) return true;
  cr_log_error("%s", head ? "taken" : std::string(head.error()).c_str());
  return false;
}

}  // namespace

Test(video_jpeg, says_what_the_head_says) {
  const Bytes jpeg = picture();
  const auto head = read_jpeg(jpeg);
  cr_assert(head);
  cr_expect(head->width == 320 && head->height == 240);
  cr_expect(head->frame_marker == 0xc0 && head->precision == 8 && head->scans == 1);
  cr_assert(head->components.size() == 3);
  cr_expect(head->components[0].horizontal == 2 && head->components[0].vertical == 2);
  cr_expect(head->components[1].horizontal == 1 && head->components[1].table == 1);
  const auto luminance = luminance_quantization(80), chrominance = chrominance_quantization(80);
  cr_expect(std::ranges::equal(head->quantization[0], std::as_bytes(std::span(luminance))));
  cr_expect(std::ranges::equal(head->quantization[1], std::as_bytes(std::span(chrominance))));
  cr_expect(head->quantization[2].empty());
  cr_expect(head->huffman && head->standard_huffman && head->restart_interval == 0);
  cr_expect(head->frame_at == find(jpeg, 0xda) && head->scan_at == head->frame_at + 14);
  cr_expect(head->end == jpeg.size());
}

Test(video_jpeg, finds_the_end_before_padding) {
  Bytes jpeg = picture();
  const std::size_t size = jpeg.size();
  jpeg.resize(size + 5000);
  cr_expect(read_jpeg(jpeg)->end == size);
  cr_expect(whole_jpeg(jpeg)->bytes.size() == size);
  cr_expect(whole_jpeg(jpeg, true)->bytes.size() == size);
  jpeg.back() = std::byte{0x55};
  cr_expect(whole_jpeg(jpeg, true)->bytes.size() == size);
}

Test(video_jpeg, that_is_skimmed_is_the_same_but_for_what_is_wrong_with_its_data_or_tables) {
  const Bytes jpeg = picture();
  const auto whole = whole_jpeg(jpeg, true);
  cr_assert(whole);
  cr_expect(std::ranges::equal(whole->bytes.bytes(), jpeg));
  cr_expect(whole->width == 320 && whole->height == 240);
  Bytes data = jpeg;
  data[data.size() - 10] = std::byte{0xff};
  data[data.size() - 9] = std::byte{0xd8};
  cr_expect(!whole_jpeg(data) && whole_jpeg(data, true));
  for (const std::uint8_t marker : {std::uint8_t{0xdb}, std::uint8_t{0xc4}}) {  // DQT, DHT
    Bytes tables = jpeg;
    tables[find(tables, marker) + 4] = std::byte{0x77};  // no such table
    cr_expect(!whole_jpeg(tables) && whole_jpeg(tables, true), "of segment %x", marker);
  }
}

Test(video_jpeg, is_cut_short_at_every_byte_but_the_last) {
  Bytes jpeg = picture();
  while (jpeg.size() > 2) {
    jpeg.pop_back();
    cr_assert(refuses(jpeg, "it is cut short"), "at %zu", jpeg.size());
    cr_assert(!whole_jpeg(jpeg, true));
  }
}

Test(video_jpeg, reads_restart_intervals_and_restarts) {
  Bytes jpeg = picture();
  jpeg = with(jpeg, find(jpeg, 0xda), segment(0xdd, bytes_of(std::string("\0\x05", 2))));
  jpeg = with(jpeg, jpeg.size() - 2, bytes_of("\xff\xd0\xff\xff\xd7"));
  const auto head = read_jpeg(jpeg);
  cr_assert(head && head->end == jpeg.size());
  cr_expect(head->restart_interval == 5);
}

Test(video_jpeg, passes_over_what_lies_in_segments) {
  const Bytes jpeg = picture();
  // A small picture in an EXIF segment, and fill bytes before the next marker.
  const Bytes inner = with(jpeg, 2, segment(0xe1, with(jpeg, 0, bytes_of("Exif"))));
  const Bytes filled = with(inner, find(inner, 0xe1), bytes_of("\xff\xff"));
  cr_assert(read_jpeg(filled));
  cr_expect(read_jpeg(filled)->end == filled.size() && read_jpeg(filled)->scans == 1);
}

Test(video_jpeg, refuses_what_is_none) {
  cr_expect(refuses({}, "it is cut short"));
  cr_expect(refuses(bytes_of("GIF89a"), "it does not begin as a JPEG"));
  cr_expect(refuses(bytes_of("\xff\xd8\xff\xd9"), "there is no picture in it"));
  cr_expect(refuses(bytes_of("\xff\xd8xxxx"), "a marker is missing"));
  cr_expect(refuses(bytes_of("\xff\xd8\xff\xd8"), "another one begins in it"));
  cr_expect(refuses(bytes_of("\xff\xd8\xff\xd0"), "a marker is out of place"));
  cr_expect(refuses(bytes_of(std::string("\xff\xd8\xff\xe0\0\x01", 6)), "a segment has no length"));
  cr_expect(refuses(without(picture(), 0xc0), "it has no head"));
}

Test(video_jpeg, refuses_heads_that_contradict_themselves) {
  const Bytes jpeg = picture();
  const std::size_t frame = find(jpeg, 0xc0);
  const auto changed = [&](std::size_t at, std::uint8_t to) {
    Bytes wrong = jpeg;
    wrong[at] = std::byte{to};
    return wrong;
  };
  Bytes flat = changed(frame + 5, 0);
  flat[frame + 6] = std::byte{0};
  cr_expect(refuses(flat, "it has no size"));
  cr_expect(refuses(changed(frame + 9, 4), "its components are wrong"));
  cr_expect(refuses(changed(frame + 9, 0), "its components are wrong"));
  cr_expect(refuses(changed(frame + 11, 0x02), "its components are wrong"));
  cr_expect(refuses(changed(frame + 12, 4), "its components are wrong"));
  cr_expect(refuses(changed(find(jpeg, 0xdb) + 4, 0x25), "its quantization tables are wrong"));
  cr_expect(refuses(changed(find(jpeg, 0xc4) + 4, 0x20), "its Huffman tables are wrong"));
  cr_expect(refuses(changed(find(jpeg, 0xc4) + 5, 0xff), "its Huffman tables are wrong"));
  cr_expect(refuses(changed(find(jpeg, 0xda) + 4, 2), "its scan is wrong"));
  cr_expect(refuses(with(jpeg, find(jpeg, 0xda), segment(0xdd, bytes_of("x"))),
                    "its restart interval is wrong"));
  cr_expect(
      refuses(with(jpeg, frame, segment(0xc0, bytes_of("\x08\x01\x01\x01\x01\x01\x01\x11\x01"))),
              "it has two heads"));
}

Test(video_jpeg, knows_huffman_tables_that_are_not_the_standard_ones) {
  Bytes jpeg = picture();
  jpeg[find(jpeg, 0xc4) + 4 + 17] ^= std::byte{1};
  cr_expect(read_jpeg(jpeg)->huffman && !read_jpeg(jpeg)->standard_huffman);
}

Test(video_jpeg, puts_in_the_standard_tables_where_there_are_none) {
  const Bytes bare = without(picture(), 0xc4);
  cr_assert(read_jpeg(bare));
  cr_expect(!read_jpeg(bare)->huffman && read_jpeg(bare)->standard_huffman);
  const auto whole = whole_jpeg(bare);
  cr_assert(whole);
  cr_expect(whole->width == 320 && whole->height == 240);
  cr_expect(std::ranges::equal(whole->bytes.bytes(), picture()));
}

Test(video_jpeg, makes_no_picture_of_codings_that_browsers_do_not_know) {
  Bytes jpeg = picture();
  jpeg[find(jpeg, 0xc0) + 1] = std::byte{0xc9};
  cr_expect(read_jpeg(jpeg) && !whole_jpeg(jpeg));
}

Test(video_jpeg, scales_tables_by_quality) {
  cr_expect(luminance_quantization(50)[0] == 16 && chrominance_quantization(50)[0] == 17);
  cr_expect(luminance_quantization(50)[2] == 12);  // the zigzag goes on in the second row
  cr_expect(luminance_quantization(100) == chrominance_quantization(100));
  cr_expect(luminance_quantization(1)[0] == 255 && luminance_quantization(75)[0] == 8);
}
