#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::video {

struct Colour {
  std::uint8_t blue = 0, green = 0, red = 0;
  bool operator==(const Colour&) const = default;
};

/// A picture of flat squares of 16 pixels, `columns` of them a row, the upper row first, as a
/// baseline JPEG, 4:2:0, with standard Huffman tables and quantization tables of `quality` 1..100.
/// Each square is one MCU, of which there is nothing to say but the mean of each block: it costs
/// little, and what comes out differs by rounding only.
std::vector<std::byte> squares_to_jpeg(std::span<const Colour> squares, std::uint32_t columns,
                                       int quality);

}  // namespace sluice::video
