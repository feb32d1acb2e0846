#include "protocols/files/md5.h"

#include <utility>

namespace sluice::files {
namespace {

/// RFC 1321, section 3.4: the integer part of 2^32 times |sin(i)|, i from 1 on.
constexpr std::uint32_t kSines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

std::uint32_t f(std::uint32_t x, std::uint32_t y, std::uint32_t z) {
  return z ^ (x & (y ^ z));
}

std::uint32_t g(std::uint32_t x, std::uint32_t y, std::uint32_t z) {
  return (x & z) + (y & ~z);  // no bit is in both: a sum can begin before x is known
}

std::uint32_t h(std::uint32_t x, std::uint32_t y, std::uint32_t z) {
  return x ^ y ^ z;
}

std::uint32_t i(std::uint32_t x, std::uint32_t y, std::uint32_t z) {
  return y ^ (x | ~z);
}

using Mix = std::uint32_t (*)(std::uint32_t, std::uint32_t, std::uint32_t);

/// What sets a round apart: its function, in which order it takes the words of the block, how far
/// it turns.
struct Round {
  Mix mix;
  unsigned first, step;
  int turns[4];
};
constexpr Round kRounds[] = {
    {f, 0, 1, {7, 12, 17, 22}},
    {g, 1, 5, {5, 9, 14, 20}},
    {h, 5, 3, {4, 11, 16, 23}},
    {i, 0, 7, {6, 10, 15, 21}},
};

template <unsigned round>
void sixteen_steps(std::array<std::uint32_t, 4>& v, const std::uint32_t (&words)[16]) {
  constexpr Round r = kRounds[round];
  auto [a, b, c, d] = v;
#pragma GCC unroll 16
  for (unsigned k = 0; k < 16; ++k) {
    const std::uint32_t word = words[(r.first + r.step * k) % 16];
    const std::uint32_t sum = a + word + kSines[16 * round + k] + r.mix(b, c, d);
    a = d, d = c, c = b;
    b += std::rotl(sum, r.turns[k % 4]);
  }
  v = {a, b, c, d};
}

}  // namespace

// RFC 1321, section 3.3.
constinit const Md5::State Md5::kBegin = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};

void Md5::compress(State& state, const std::byte* blocks, std::size_t count) {
  for (; count > 0; --count, blocks += 64) {
    std::uint32_t words[16];
    for (int k = 0; k < 16; ++k) {
      words[k] = detail::load_word<std::endian::little>(blocks + 4 * k);
    }
    State v = state;
    sixteen_steps<0>(v, words);
    sixteen_steps<1>(v, words);
    sixteen_steps<2>(v, words);
    sixteen_steps<3>(v, words);
    for (std::size_t k = 0; k < state.size(); ++k) state[k] += v[k];
  }
}

void Md5::update(std::span<const std::byte> bytes) {
  message_.update(bytes, [this](auto* blocks, auto count) { compress(state_, blocks, count); });
}

Md5::Digest Md5::finish() {
  message_.finish([this](auto* blocks, auto count) { compress(state_, blocks, count); });
  return detail::bytes_of_state<std::endian::little>(std::exchange(state_, kBegin));
}

}  // namespace sluice::files
