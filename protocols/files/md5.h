#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "protocols/files/block_hash.h"

namespace sluice::files {

/// MD5 (RFC 1321), for clients that know no better: it tells an accident, and no longer an attack.
/// Used as Sha256 is; a plain value, cannot fail.
class Md5 {
 public:
  using Digest = std::array<std::byte, 16>;

  void update(std::span<const std::byte> bytes);

  /// The digest of all the bytes since the construction or the last finish(); begins a new message.
  Digest finish();

 private:
  using State = std::array<std::uint32_t, 4>;
  static const State kBegin;
  static void compress(State& state, const std::byte* blocks, std::size_t count);

  State state_ = kBegin;
  detail::MessageBlocks<std::endian::little> message_;
};

}  // namespace sluice::files
