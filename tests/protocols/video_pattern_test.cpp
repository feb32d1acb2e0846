#include <criterion/criterion.h>

#include <algorithm>

#include "protocols/video/jpeg.h"
#include "protocols/video/test_pattern.h"

using namespace sluice;
using namespace sluice::video;

namespace {

constexpr std::uint64_t kNumbers[] = {1, 2, 99, 65535, 1u << 31, UINT32_MAX};

}  // namespace

Test(video_pattern, says_its_number_at_every_size) {
  for (const TestPattern pattern : {TestPattern{320, 240}, TestPattern{}, TestPattern{1280, 720}}) {
    for (const std::uint64_t number : kNumbers) {
      const auto bgr = pattern.draw_bgr(number);
      cr_assert(bgr.size() == std::size_t{3} * pattern.width * pattern.height);
      cr_expect(read_number(bgr, pattern.width, pattern.height) == number);
    }
  }
}

Test(video_pattern, gives_the_lower_32_bits_of_larger_numbers) {
  const TestPattern pattern;
  const auto bgr = pattern.draw_bgr((std::uint64_t{3} << 32) + 17);
  cr_expect(read_number(bgr, 640, 480) == 17);
}

Test(video_pattern, is_read_through_noise) {
  const TestPattern pattern{320, 240};
  auto bgr = pattern.draw_bgr(123456);
  std::uint32_t seed = 1;
  for (std::byte& byte : bgr) {
    seed = seed * 1664525 + 1013904223;
    const int level = std::to_integer<int>(byte) + static_cast<int>(seed >> 25) - 64;
    byte = static_cast<std::byte>(std::clamp(level, 0, 255));
  }
  cr_expect(read_number(bgr, 320, 240) == 123456u);
}

Test(video_pattern, is_not_read_where_there_is_none) {
  for (const int level : {0, 128, 255}) {
    const std::vector<std::byte> flat(320 * 240 * 3, static_cast<std::byte>(level));
    cr_expect(!read_number(flat, 320, 240));
  }
  const auto bgr = TestPattern{320, 240}.draw_bgr(5);
  cr_expect(!read_number(bgr, 0, 0));
  cr_expect(!read_number(bgr, 16, 16));
  cr_expect(!read_number(std::span(bgr).first(bgr.size() - 1), 320, 240));
  cr_expect(!read_number(bgr, 640, 480));
}

Test(video_pattern, has_a_check_that_sees_one_wrong_cell) {
  const TestPattern pattern;  // 40 squares a row: the cells are the last one
  for (std::size_t cell = 0; cell < 40; ++cell) {
    auto bgr = pattern.draw_bgr(77);
    for (std::size_t y = 464; y < 480; ++y) {
      for (std::size_t x = cell * 48; x < cell * 48 + 48; ++x) {
        bgr[y * 640 * 3 + x] ^= std::byte{255};
      }
    }
    cr_expect(!read_number(bgr, 640, 480), "cell %zu", cell);
  }
}

Test(video_pattern, moves) {
  const TestPattern pattern{320, 240};
  cr_expect(pattern.draw_bgr(1) == pattern.draw_bgr(1));
  cr_expect(pattern.draw_bgr(1) != pattern.draw_bgr(2));
  cr_expect(pattern.draw_jpeg(1) != pattern.draw_jpeg(2));
}

Test(video_pattern, is_a_jpeg_of_its_size_at_every_quality) {
  for (const int quality : {1, 30, 50, 80, 100}) {
    const auto jpeg = TestPattern{1280, 720}.draw_jpeg(9, quality);
    const auto head = read_jpeg(jpeg);
    cr_assert(head);
    cr_expect(head->width == 1280 && head->height == 720 && head->end == jpeg.size());
    cr_expect(head->standard_huffman && head->components.size() == 3);
  }
}
