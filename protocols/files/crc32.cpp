#include "protocols/files/crc32.h"

#include <bit>
#include <utility>

#include "protocols/files/block_hash.h"

namespace sluice::files {
namespace {

constexpr std::uint32_t kPolynomial = 0xedb88320;  // 0x04c11db7, its bits the other way round
constexpr std::size_t kSlices = 16;

using Table = std::array<std::uint32_t, 256>;

/// Table 0 takes one byte. Table n takes a byte that n more follow: sixteen looked up at once, and
/// none waiting for the one before it, are a step of sixteen bytes.
constexpr std::array<Table, kSlices> make_tables() {
  std::array<Table, kSlices> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = rest;
  }
  for (std::size_t n = 1; n < kSlices; ++n) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[n - 1][byte];
      tables[n][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr auto kTables = make_tables();

std::uint32_t take_word(std::uint32_t word, std::size_t bytes_after) {
  return kTables[bytes_after + 3][word & 0xff] ^ kTables[bytes_after + 2][(word >> 8) & 0xff] ^
         kTables[bytes_after + 1][(word >> 16) & 0xff] ^ kTables[bytes_after][word >> 24];
}

}  // namespace

void Crc32::update(std::span<const std::byte> bytes) {
  constexpr auto load = detail::load_word<std::endian::little>;
  std::uint32_t rest = rest_;
  for (; bytes.size() >= kSlices; bytes = bytes.subspan(kSlices)) {
    const std::byte* at = bytes.data();
    rest = take_word(load(at) ^ rest, 12) ^ take_word(load(at + 4), 8) ^
           take_word(load(at + 8), 4) ^ take_word(load(at + 12), 0);
  }
  for (const std::byte byte : bytes) {
    rest = (rest >> 8) ^ kTables[0][(rest ^ std::to_integer<std::uint32_t>(byte)) & 0xff];
  }
  rest_ = rest;
}

Crc32::Digest Crc32::finish() {
  Digest digest;
  detail::store_word<std::endian::big>(digest.data(), ~std::exchange(rest_, ~std::uint32_t{0}));
  return digest;
}

}  // namespace sluice::files
