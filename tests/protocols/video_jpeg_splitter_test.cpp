#include "protocols/video/jpeg_splitter.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <string_view>

#include "protocols/video/test_pattern.h"
#include "reactor/text.h"

using namespace sluice;
using namespace sluice::video;

namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kBound = 1 << 20;

Bytes picture(std::uint64_t number) {
  return TestPattern{320, 240}.draw_jpeg(number);
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes bytes_of(std::string_view text) {
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

/// What comes out when the bytes come in pieces of `piece`.
std::vector<Bytes> split(JpegSplitter& splitter, const Bytes& bytes, std::size_t piece) {
  std::vector<Bytes> found;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    std::span<const std::byte> left(bytes.data() + at, std::min(piece, bytes.size() - at));
    while (!left.empty()) {
      left = left.subspan(splitter.feed(left));
      if (const auto whole = splitter.picture()) found.emplace_back(whole->begin(), whole->end());
    }
  }
  return found;
}

}  // namespace

Test(video_jpeg_splitter, finds_pictures_in_pieces_of_any_size) {
  const Bytes all = joined({bytes_of("--x\r\nContent-Type: image/jpeg\r\n\r\n"), picture(1),
                            bytes_of("\r\n--x\r\n\r\n\xff\xff"), picture(2), picture(3)});
  for (const std::size_t piece : {1, 2, 3, 7, 100, 1 << 20}) {
    JpegSplitter splitter(kBound);
    const auto found = split(splitter, all, piece);
    cr_assert(found.size() == 3, "%zu of %zu", found.size(), piece);
    for (std::size_t i = 0; i < 3; ++i) cr_expect(found[i] == picture(i + 1));
    cr_expect(splitter.broken() == 0 && !splitter.inside());
  }
}

Test(video_jpeg_splitter, is_not_misled_by_a_picture_in_a_segment) {
  Bytes jpeg = picture(1);
  const Bytes inner = joined({bytes_of("\xff\xe1\x10\x02"), picture(2)});
  Bytes segment = inner;
  segment.resize(4 + 0x1000);
  jpeg.insert(jpeg.begin() + 2, segment.begin(), segment.end());
  JpegSplitter splitter(kBound);
  const auto found = split(splitter, jpeg, 11);
  cr_expect(found.size() == 1 && found[0] == jpeg);
}

Test(video_jpeg_splitter, counts_a_picture_that_a_new_one_cuts_short) {
  Bytes half = picture(1);
  half.resize(half.size() - 200);
  JpegSplitter splitter(kBound);
  const auto found = split(splitter, joined({half, picture(2)}), 64);
  cr_expect(found.size() == 1 && found[0] == picture(2));
  cr_expect(splitter.broken() == 1);
}

Test(video_jpeg_splitter, drops_a_picture_over_the_bound_and_goes_on) {
  const Bytes small = picture(1), large = TestPattern{1280, 720}.draw_jpeg(2);
  cr_assert(small.size() + 500 < large.size());
  JpegSplitter splitter(small.size() + 100);
  const auto found = split(splitter, joined({large, small, large}), 333);
  cr_expect(found.size() == 1 && found[0] == small);
  cr_expect(splitter.broken() == 2 && !splitter.inside());

  JpegSplitter exact(small.size());
  cr_expect(split(exact, small, 1).size() == 1);
  JpegSplitter less(small.size() - 1);
  cr_expect(split(less, small, 1).empty() && less.broken() == 1);
}

Test(video_jpeg_splitter, finds_its_way_back_after_nonsense) {
  JpegSplitter splitter(kBound);
  const Bytes all =
      joined({bytes_of("\xff\xd8\xff"), bytes_of("\xd8nonsense"), bytes_of("\xff\xd8"),
              bytes_of(std::string_view("\xff\xe0\0\0", 4)), picture(1)});
  const auto found = split(splitter, all, 5);
  cr_expect(found.size() == 1 && found[0] == picture(1));
  cr_expect(splitter.broken() == 3);
}

Test(video_jpeg_splitter, says_at_the_end_whether_it_was_cut_short) {
  Bytes jpeg = picture(1);
  JpegSplitter splitter(kBound);
  cr_expect(!splitter.inside());
  jpeg.pop_back();
  split(splitter, jpeg, 50);
  cr_expect(splitter.inside() && !splitter.picture());
}
