#pragma once

#include <cstdint>

/// Second bytes of the markers of a JPEG; the first is FF (ITU T.81, table B.1).
namespace sluice::video::marker {

inline constexpr std::uint8_t kData = 0x00;  // no marker: an FF of the data itself
inline constexpr std::uint8_t kTemporary = 0x01;
inline constexpr std::uint8_t kBaseline = 0xc0, kExtended = 0xc1, kProgressive = 0xc2;
inline constexpr std::uint8_t kHuffmanTables = 0xc4;
inline constexpr std::uint8_t kReserved = 0xc8, kArithmeticTables = 0xcc;
inline constexpr std::uint8_t kStart = 0xd8, kEnd = 0xd9, kScan = 0xda;
inline constexpr std::uint8_t kQuantizationTables = 0xdb, kRestartInterval = 0xdd;
inline constexpr std::uint8_t kApplication0 = 0xe0;

inline constexpr bool is_restart(std::uint8_t code) {
  return code >= 0xd0 && code <= 0xd7;
}

/// Begins a frame, of whatever coding.
inline constexpr bool is_frame(std::uint8_t code) {
  return code >= 0xc0 && code <= 0xcf && code != kHuffmanTables && code != kReserved &&
         code != kArithmeticTables;
}

}  // namespace sluice::video::marker
