#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::video {

/// A quantization table, in zigzag order.
using QuantizationTable = std::array<std::uint8_t, 64>;

/// The tables of ITU T.81, annex K.1, made finer or coarser by `quality` 1..100 as libjpeg does,
/// and as RFC 2435, section 4.2, has it for its types of quantization below 100.
QuantizationTable luminance_quantization(int quality);
QuantizationTable chrominance_quantization(int quality);

/// Where the coefficient at a place of the zigzag lies in its block: 8 * row + column.
constexpr std::array<std::uint8_t, 64> zigzag() {
  std::array<std::uint8_t, 64> order{};
  int row = 0, column = 0;
  for (std::uint8_t& place : order) {
    place = static_cast<std::uint8_t>(8 * row + column);
    const bool up = (row + column) % 2 == 0;
    if (up ? column == 7 : row == 7) {
      ++(up ? row : column);
    } else if (up ? row == 0 : column == 0) {
      ++(up ? column : row);
    } else {
      row += up ? -1 : 1;
      column += up ? 1 : -1;
    }
  }
  return order;
}

}  // namespace sluice::video
