#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

/// Inside of Sha256: what its portable and its hardware code share.
namespace sluice::files::detail {

/// FIPS 180-4, section 4.2.2: the first 32 bits of the fractional parts of the cube roots of the
/// first 64 primes.
extern const std::array<std::uint32_t, 64> kSha256Constants;

/// Takes `count` blocks of 64 bytes into the state a..h (FIPS 180-4, section 6.2.2).
using Sha256Compress = void (*)(std::uint32_t* state, const std::byte* blocks, std::size_t count);

/// The fastest code the processor we run on has instructions for, or nullptr when it has none.
Sha256Compress sha256_hardware();

}  // namespace sluice::files::detail
