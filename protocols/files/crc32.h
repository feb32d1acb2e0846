#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::files {

/// The cyclic redundancy check of ISO 3309 and zip: polynomial 0x04c11db7, the bits of each byte
/// taken from the least significant on, ones before and an inversion after (RFC 1952, section 8).
/// Used as Sha256 is; a plain value, cannot fail.
class Crc32 {
 public:
  using Digest = std::array<std::byte, 4>;  ///< the most significant byte first

  void update(std::span<const std::byte> bytes);

  /// The check of all the bytes since the construction or the last finish(); begins a new message.
  Digest finish();

 private:
  std::uint32_t rest_ = ~std::uint32_t{0};
};

}  // namespace sluice::files
