#include "protocols/files/sha1.h"

#include <utility>

namespace sluice::files {
namespace {

/// The sixteen words of a block, each replaced by the one that follows from it sixteen rounds on
/// (RFC 3174, section 6.2).
using Ring = std::array<std::uint32_t, 16>;

[[gnu::always_inline]] inline std::uint32_t word_of_round(Ring& ring, unsigned t) {
  std::uint32_t& word = ring[t % 16];
  if (t >= 16) {
    word = std::rotl(ring[(t + 13) % 16] ^ ring[(t + 8) % 16] ^ ring[(t + 2) % 16] ^ word, 1);
  }
  return word;
}

std::uint32_t choice(std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return d ^ (b & (c ^ d));
}

std::uint32_t parity(std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return b ^ c ^ d;
}

std::uint32_t majority(std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return (b & c) | (d & (b | c));
}

using Mix = std::uint32_t (*)(std::uint32_t, std::uint32_t, std::uint32_t);

/// Twenty rounds, with a function and a constant of their own.
template <unsigned first, Mix mix, std::uint32_t constant>
void twenty_rounds(std::array<std::uint32_t, 5>& v, Ring& ring) {
  auto [a, b, c, d, e] = v;
#pragma GCC unroll 20
  for (unsigned t = first; t < first + 20; ++t) {
    const std::uint32_t word = word_of_round(ring, t);
    const std::uint32_t next = std::rotl(a, 5) + mix(b, c, d) + e + word + constant;
    e = d, d = c, c = std::rotl(b, 30), b = a, a = next;
  }
  v = {a, b, c, d, e};
}

}  // namespace

// RFC 3174, section 6.1.
constinit const Sha1::State Sha1::kBegin = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
                                            0xc3d2e1f0};

void Sha1::compress(State& state, const std::byte* blocks, std::size_t count) {
  for (; count > 0; --count, blocks += 64) {
    Ring ring;
    for (std::size_t t = 0; t < ring.size(); ++t) {
      ring[t] = detail::load_word<std::endian::big>(blocks + 4 * t);
    }
    State v = state;
    twenty_rounds<0, choice, 0x5a827999>(v, ring);
    twenty_rounds<20, parity, 0x6ed9eba1>(v, ring);
    twenty_rounds<40, majority, 0x8f1bbcdc>(v, ring);
    twenty_rounds<60, parity, 0xca62c1d6>(v, ring);
    for (std::size_t i = 0; i < state.size(); ++i) state[i] += v[i];
  }
}

void Sha1::update(std::span<const std::byte> bytes) {
  message_.update(bytes, [this](auto* blocks, auto count) { compress(state_, blocks, count); });
}

Sha1::Digest Sha1::finish() {
  message_.finish([this](auto* blocks, auto count) { compress(state_, blocks, count); });
  return detail::bytes_of_state<std::endian::big>(std::exchange(state_, kBegin));
}

}  // namespace sluice::files
