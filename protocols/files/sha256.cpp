#include "protocols/files/sha256.h"

#include <bit>

#include "protocols/files/sha256_blocks.h"

namespace sluice::files {
namespace {

using Words = std::array<std::uint32_t, 64>;

Words schedule(const std::byte* block) {
  Words w;
  for (std::size_t t = 0; t < 16; ++t) w[t] = detail::load_word<std::endian::big>(block + 4 * t);
  for (std::size_t t = 16; t < 64; ++t) {
    const std::uint32_t a = w[t - 15], b = w[t - 2];
    const std::uint32_t sigma0 = std::rotr(a, 7) ^ std::rotr(a, 18) ^ (a >> 3);
    const std::uint32_t sigma1 = std::rotr(b, 17) ^ std::rotr(b, 19) ^ (b >> 10);
    w[t] = sigma1 + w[t - 7] + sigma0 + w[t - 16];
  }
  return w;
}

void compress_portable(std::uint32_t* state, const std::byte* blocks, std::size_t count) {
  for (; count > 0; --count, blocks += 64) {
    const Words w = schedule(blocks);
    std::uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    std::uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (std::size_t t = 0; t < 64; ++t) {
      const std::uint32_t sum1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const std::uint32_t choice = (e & f) ^ (~e & g);
      const std::uint32_t t1 = h + sum1 + choice + detail::kSha256Constants[t] + w[t];
      const std::uint32_t sum0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const std::uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
      h = g, g = f, f = e, e = d + t1;
      d = c, c = b, b = a, a = t1 + sum0 + majority;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
  }
}

}  // namespace

Sha256::Sha256(Method method) : compress_(compress_portable) {
  static const detail::Sha256Compress hardware = detail::sha256_hardware();
  if (method == Method::hardware && hardware != nullptr) compress_ = hardware;
  begin();
}

bool Sha256::has_hardware() {
  return detail::sha256_hardware() != nullptr;
}

void Sha256::begin() {
  // FIPS 180-4, section 5.3.3: from the square roots of the first eight primes.
  state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
            0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
}

void Sha256::update(std::span<const std::byte> bytes) {
  message_.update(bytes, [this](auto* at, auto count) { compress_(state_.data(), at, count); });
}

Sha256::Digest Sha256::finish() {
  message_.finish([this](auto* at, auto count) { compress_(state_.data(), at, count); });
  const Digest digest = detail::bytes_of_state<std::endian::big>(state_);
  begin();
  return digest;
}

std::string to_hex(std::span<const std::byte> bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte >> 4)];
    text += kDigits[std::to_integer<unsigned>(byte & std::byte{15})];
  }
  return text;
}

}  // namespace sluice::files
