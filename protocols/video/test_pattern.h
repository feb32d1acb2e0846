#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "protocols/video/frame.h"

namespace sluice::video {

/// A picture that moves and that says which one it is: colour bars, a block that wanders, the
/// number of the frame in digits for people, and in a row of black and white cells for programs.
/// All of it is made of flat squares of 16 pixels, so that it is the same as JPEG and as pixels,
/// and survives any codec. Sizes are multiples of 16, at least 320x240.
struct TestPattern {
  std::uint32_t width = 640, height = 480;

  std::vector<std::byte> draw_bgr(std::uint64_t number) const;
  /// Baseline JPEG, 4:2:0, standard Huffman tables, quantization tables of `quality` 1..100.
  std::vector<std::byte> draw_jpeg(std::uint64_t number, int quality = 80) const;
};

/// Reads the number out of a picture of width x height BGR pixels, as it came out of a codec: its
/// lower 32 bits, more are not drawn. None when the cells are not to be read, or their check does
/// not hold.
std::optional<std::uint64_t> read_number(std::span<const std::byte> bgr, std::uint32_t width,
                                         std::uint32_t height);

}  // namespace sluice::video
