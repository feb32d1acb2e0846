#include "tests/camera/pictures.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "tests/camera/wishes.h"

namespace fake_camera {
namespace {

/// A comment segment: FF FE, its length, "FAKE", the number (4 bytes) and the time (8 bytes) of the
/// picture, both with the highest byte first.
constexpr std::size_t kStampBytes = 2 + 2 + 4 + 4 + 8;

bool belongs_to_head(std::uint8_t code) {
  return code != 0xda && code != 0xd9;
}

}  // namespace

Pictures::Pictures() {
  std::vector<std::string> paths;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(wishes().pictures, none)) {
    if (entry.path().extension() == ".jpg") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  for (const std::string& path : paths) load(path);
}

/// Walks the segments of the head for the size of the picture, and to leave its tables out.
void Pictures::load(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return;
  std::vector<std::uint8_t> bytes, part(65536);
  while (std::feof(file) == 0 && std::ferror(file) == 0) {
    const std::size_t n = std::fread(part.data(), 1, part.size(), file);
    bytes.insert(bytes.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(n));
  }
  std::fclose(file);
  for (std::size_t at = 2; at + 9 < bytes.size() && belongs_to_head(bytes[at + 1]);) {
    const std::size_t end = at + 2 + (bytes[at + 2] << 8 | bytes[at + 3]);
    if (bytes[at + 1] == 0xc0) {
      height_ = static_cast<std::uint32_t>(bytes[at + 5] << 8 | bytes[at + 6]);
      width_ = static_cast<std::uint32_t>(bytes[at + 7] << 8 | bytes[at + 8]);
    }
    if (bytes[at + 1] == 0xc4 && wishes().no_tables && end <= bytes.size()) {
      bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                  bytes.begin() + static_cast<std::ptrdiff_t>(end));
    } else {
      at = end;
    }
  }
  jpegs_.push_back(std::move(bytes));
}

std::size_t Pictures::most_bytes() const {
  std::size_t most = std::size_t{2} * width_ * height_;
  for (const auto& jpeg : jpegs_) most = std::max(most, jpeg.size());
  return most + kStampBytes + wishes().padding;
}

std::size_t Pictures::write(std::uint32_t sequence, std::int64_t nanoseconds,
                            std::uint8_t* to) const {
  if (wishes().yuyv || jpegs_.empty()) return write_yuyv(sequence, to);
  const std::vector<std::uint8_t>& jpeg = jpegs_[sequence % jpegs_.size()];
  std::uint8_t* at = std::copy_n(jpeg.begin(), 2, to);
  if (wishes().stamp) {
    at = std::copy_n(
        "\xff\xfe\0\x12"
        "FAKE",
        8, at);
    for (int shift = 24; shift >= 0; shift -= 8)
      *at++ = static_cast<std::uint8_t>(sequence >> shift);
    for (int shift = 56; shift >= 0; shift -= 8) {
      *at++ = static_cast<std::uint8_t>(nanoseconds >> shift);
    }
  }
  at = std::copy(jpeg.begin() + 2, jpeg.end(), at);
  if (wishes().bad != 0 && sequence % wishes().bad == wishes().bad - 1) {
    return static_cast<std::size_t>(at - to) / 2;
  }
  at = std::fill_n(at, wishes().padding, std::uint8_t{0});
  return static_cast<std::size_t>(at - to);
}

/// A ramp of grey that moves.
std::size_t Pictures::write_yuyv(std::uint32_t sequence, std::uint8_t* to) const {
  for (std::uint32_t y = 0; y < height_; ++y) {
    for (std::uint32_t x = 0; x < width_; ++x) {
      *to++ = static_cast<std::uint8_t>(x + sequence);
      *to++ = 128;
    }
  }
  return std::size_t{2} * width_ * height_;
}

}  // namespace fake_camera
