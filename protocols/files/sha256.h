#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "protocols/files/block_hash.h"

namespace sluice::files {

/// SHA-256 (FIPS 180-4, section 6.2) of bytes that come in pieces.
///
///     Sha256 digest;
///     digest.update(head);
///     digest.update(rest);
///     Sha256::Digest result = digest.finish();
///
/// A plain value: a copy goes on from where the original was. It allocates nothing and cannot fail.
/// Messages up to 2^61 bytes.
class Sha256 {
 public:
  using Digest = std::array<std::byte, 32>;

  /// `hardware` uses the processor's SHA instructions (x86 SHA extensions, ARMv8 cryptography)
  /// where it has them, and is portable where not; tests ask for `portable` to compare the two.
  enum class Method { hardware, portable };

  explicit Sha256(Method method = Method::hardware);

  /// Adds bytes to the message; any number, none too.
  void update(std::span<const std::byte> bytes);

  /// The digest of all the bytes since the construction or the last finish(); begins a new message.
  Digest finish();

  /// True when the processor we run on has SHA instructions that this build can use.
  static bool has_hardware();

 private:
  using Compress = void (*)(std::uint32_t* state, const std::byte* blocks, std::size_t count);

  void begin();

  Compress compress_;
  std::array<std::uint32_t, 8> state_;
  detail::MessageBlocks<std::endian::big> message_;
};

/// Two lower-case digits a byte.
std::string to_hex(std::span<const std::byte> bytes);

}  // namespace sluice::files
