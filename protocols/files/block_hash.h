#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

/// Inside of Sha256, Sha1 and Md5: what they share.
namespace sluice::files::detail {

template <std::endian order>
std::uint32_t load_word(const std::byte* at) {
  std::uint32_t word;
  std::memcpy(&word, at, sizeof word);
  return order == std::endian::native ? word : __builtin_bswap32(word);
}

template <std::endian order>
void store_word(std::byte* at, std::uint32_t word) {
  if (order != std::endian::native) word = __builtin_bswap32(word);
  std::memcpy(at, &word, sizeof word);
}

/// Cuts a message that comes in pieces into blocks of 64 bytes, and ends it: a one bit, zeros, and
/// its length in bits in the last 8 bytes (RFC 1321, sections 3.1 and 3.2, and all that followed).
/// `order` is that of the length's bytes. `compress(blocks, count)` takes the blocks.
template <std::endian order>
class MessageBlocks {
 public:
  static constexpr std::size_t kBlock = 64;

  template <class Compress>
  void update(std::span<const std::byte> bytes, Compress compress) {
    const std::size_t waiting = length_ % kBlock;
    length_ += bytes.size();
    if (waiting > 0) {
      const auto head = bytes.first(std::min(kBlock - waiting, bytes.size()));
      std::copy(head.begin(), head.end(), block_.begin() + waiting);
      if (waiting + head.size() < kBlock) return;
      compress(block_.data(), std::size_t{1});
      bytes = bytes.subspan(head.size());
    }
    const std::size_t whole = bytes.size() / kBlock;
    if (whole > 0) compress(bytes.data(), whole);
    const auto tail = bytes.subspan(whole * kBlock);
    std::copy(tail.begin(), tail.end(), block_.begin());
  }

  /// Begins a new message.
  template <class Compress>
  void finish(Compress compress) {
    const auto low = static_cast<std::uint32_t>(length_ << 3);
    const auto high = static_cast<std::uint32_t>(length_ >> 29);
    std::array<std::byte, 2 * kBlock> padding{std::byte{0x80}};
    const std::size_t zeros_end = kBlock - 8 + (length_ % kBlock < kBlock - 8 ? 0 : kBlock);
    const std::size_t size = zeros_end - length_ % kBlock;
    store_word<order>(padding.data() + size, order == std::endian::big ? high : low);
    store_word<order>(padding.data() + size + 4, order == std::endian::big ? low : high);
    update(std::span(padding).first(size + 8), compress);
    length_ = 0;
  }

 private:
  std::uint64_t length_ = 0;  // bytes so far; modulo 64, the bytes that wait in block_
  std::array<std::byte, kBlock> block_;
};

/// The words of a state, one after the other.
template <std::endian order, std::size_t words>
std::array<std::byte, 4 * words> bytes_of_state(const std::array<std::uint32_t, words>& state) {
  std::array<std::byte, 4 * words> bytes;
  for (std::size_t i = 0; i < words; ++i) store_word<order>(bytes.data() + 4 * i, state[i]);
  return bytes;
}

}  // namespace sluice::files::detail
