#include "protocols/video/jpeg_squares.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <initializer_list>

#include "protocols/video/jpeg.h"
#include "protocols/video/jpeg_markers.h"
#include "protocols/video/jpeg_tables.h"

namespace sluice::video {
namespace {

constexpr std::uint32_t kSide = 16;

struct Code {
  std::uint16_t bits = 0;
  std::uint8_t length = 0;
};
/// By the value that it stands for.
using Codes = std::array<Code, 256>;

/// The codes of a table as a DHT segment has it (ITU T.81, annex C): shorter ones first, counting.
Codes codes_of(std::span<const std::byte> table) {
  Codes codes{};
  std::uint32_t next = 0;
  std::size_t value = 17;
  for (std::uint8_t length = 1; length <= 16; ++length, next <<= 1) {
    for (auto left = std::to_integer<std::size_t>(table[length]); left > 0; --left) {
      codes[std::to_integer<std::uint8_t>(table[value++])] = {static_cast<std::uint16_t>(next++),
                                                              length};
    }
  }
  return codes;
}

/// DC and AC of luminance, then of chrominance: the order that they have in the segment.
std::array<Codes, 4> standard_codes() {
  std::array<Codes, 4> codes;
  std::span<const std::byte> left = standard_huffman_tables().subspan(4);
  for (Codes& one : codes) {
    one = codes_of(left);
    std::size_t size = 17;
    for (std::size_t i = 1; i < 17; ++i) size += std::to_integer<std::size_t>(left[i]);
    left = left.subspan(size);
  }
  return codes;
}

class BitWriter {
 public:
  explicit BitWriter(std::vector<std::byte>& out) : out_(&out) {}

  void put(std::uint32_t bits, std::uint8_t length) {
    held_ = held_ << length | (bits & ((1u << length) - 1));
    for (count_ += length; count_ >= 8; count_ -= 8) {
      const auto byte = static_cast<std::uint8_t>(held_ >> (count_ - 8));
      out_->push_back(std::byte{byte});
      if (byte == 0xff) out_->push_back(std::byte{marker::kData});
    }
  }
  void put(Code code) { put(code.bits, code.length); }
  void fill_up() {
    if (count_ > 0) put(0x7f, static_cast<std::uint8_t>(8 - count_));
  }

 private:
  std::vector<std::byte>* out_;
  std::uint64_t held_ = 0;  // the lower count_ bits are still to be written
  std::uint32_t count_ = 0;
};

/// One component, block by block: how far each mean is from the one before.
class Means {
 public:
  Means(const Codes& dc, const Codes& ac, int step) : dc_(&dc), end_(ac[0]), step_(step) {}

  void put(BitWriter& out, double level) {
    const int mean = static_cast<int>(std::lround(8 * (level - 128) / step_));
    const int difference = mean - before_;
    before_ = mean;
    const auto size =
        static_cast<std::uint8_t>(std::bit_width(static_cast<unsigned>(std::abs(difference))));
    out.put((*dc_)[size]);
    if (size > 0) {
      const int bits = difference < 0 ? difference + (1 << size) - 1 : difference;
      out.put(static_cast<std::uint32_t>(bits), size);
    }
    out.put(end_);
  }

 private:
  const Codes* dc_;
  Code end_;  // of block: no more coefficients
  int step_;
  int before_ = 0;
};

void put_bytes(std::vector<std::byte>& out, std::initializer_list<std::uint32_t> bytes) {
  for (const std::uint32_t byte : bytes) out.push_back(static_cast<std::byte>(byte));
}

void put_table(std::vector<std::byte>& out, std::uint8_t number, const QuantizationTable& table) {
  put_bytes(out, {0xff, marker::kQuantizationTables, 0, 2 + 1 + 64, number});
  for (const std::uint8_t step : table) out.push_back(std::byte{step});
}

void put_head(std::vector<std::byte>& out, std::uint32_t width, std::uint32_t height, int quality) {
  put_bytes(out, {0xff, marker::kStart});
  // JFIF 1.1, no unit, square pixels, no thumbnail.
  put_bytes(out,
            {0xff, marker::kApplication0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1,  //
             0, 0});
  put_table(out, 0, luminance_quantization(quality));
  put_table(out, 1, chrominance_quantization(quality));
  put_bytes(out, {0xff, marker::kBaseline, 0, 17, 8, height >> 8, height & 255, width >> 8,
                  width & 255, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1});
  const std::span<const std::byte> tables = standard_huffman_tables();
  out.insert(out.end(), tables.begin(), tables.end());
  put_bytes(out, {0xff, marker::kScan, 0, 12, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0});
}

}  // namespace

std::vector<std::byte> squares_to_jpeg(std::span<const Colour> squares, std::uint32_t columns,
                                       int quality) {
  static const std::array<Codes, 4> kCodes = standard_codes();
  std::vector<std::byte> out;
  out.reserve(1024 + 8 * squares.size());
  const auto rows = static_cast<std::uint32_t>(squares.size() / columns);
  put_head(out, columns * kSide, rows * kSide, quality);
  Means luminance(kCodes[0], kCodes[1], luminance_quantization(quality)[0]);
  const int step = chrominance_quantization(quality)[0];
  Means blueness(kCodes[2], kCodes[3], step), redness(kCodes[2], kCodes[3], step);
  BitWriter bits(out);
  for (const Colour& colour : squares.first(std::size_t{rows} * columns)) {
    // JFIF, section "Colour space".
    const double grey = 0.299 * colour.red + 0.587 * colour.green + 0.114 * colour.blue;
    for (int block = 0; block < 4; ++block) luminance.put(bits, grey);
    blueness.put(bits, 128 + (colour.blue - grey) / 1.772);
    redness.put(bits, 128 + (colour.red - grey) / 1.402);
  }
  bits.fill_up();
  put_bytes(out, {0xff, marker::kEnd});
  return out;
}

}  // namespace sluice::video
