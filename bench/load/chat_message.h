#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "bench/load/chat_wire.h"

namespace load {

/// What lies in a payload: `=`, the publisher (4 characters), the number of the message (8), the
/// time it left in microseconds (8), all of them digits from `@` for 0 to `O` for 15, which are
/// taken apart without a loop; then a filling.
struct Message {
  static constexpr std::size_t kLeastSize = 24;

  std::uint32_t publisher, number, microseconds;

  static void fill(char* payload, std::size_t size) {
    std::memset(payload, 'x', size);
    *payload = kPayloadMark;
  }

  void write(char* payload) const {
    std::uint64_t digits = spread(publisher);
    std::memcpy(payload + 1, reinterpret_cast<const char*>(&digits) + 4, 4);
    digits = spread(number);
    std::memcpy(payload + 5, &digits, 8);
    digits = spread(microseconds);
    std::memcpy(payload + 13, &digits, 8);
  }

  static Message read(const char* payload) {
    std::uint64_t number, time;
    std::uint32_t publisher;
    std::memcpy(&publisher, payload + 1, 4);
    std::memcpy(&number, payload + 5, 8);
    std::memcpy(&time, payload + 13, 8);
    return {gather(std::uint64_t{publisher} << 32), gather(number), gather(time)};
  }

 private:
  static_assert(std::endian::native == std::endian::little);
  static constexpr std::uint64_t kZeros = 0x4040404040404040;

  /// Eight characters, the first one in the lowest byte.
  static std::uint64_t spread(std::uint32_t value) {
    std::uint64_t x = value;
    x = (x | x << 16) & 0x0000ffff0000ffff;
    x = (x | x << 8) & 0x00ff00ff00ff00ff;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
    return __builtin_bswap64(x | kZeros);
  }

  static std::uint32_t gather(std::uint64_t digits) {
    std::uint64_t x = __builtin_bswap64(digits) & 0x0f0f0f0f0f0f0f0f;
    x = (x | x >> 4) & 0x00ff00ff00ff00ff;
    x = (x | x >> 8) & 0x0000ffff0000ffff;
    return static_cast<std::uint32_t>(x | x >> 16);
  }
};

/// How long messages took, in steps of 3 %: microseconds below 32, then 32 steps a power of two.
class Latencies {
 public:
  void add(std::uint32_t microseconds) { ++counts_[step(microseconds)]; }

  /// The longest of the fastest `share` of all.
  std::uint32_t quantile(double share) const {
    std::uint64_t all = 0;
    for (const std::uint64_t count : counts_) all += count;
    auto left = static_cast<std::uint64_t>(share * static_cast<double>(all));
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > left) return value(i);
      left -= counts_[i];
    }
    return 0;
  }

 private:
  static std::size_t step(std::uint32_t value) {
    if (value < 32) return value;
    const auto power = static_cast<std::size_t>(std::bit_width(value)) - 6;
    return power * 32 + (value >> power);
  }

  static std::uint32_t value(std::size_t step) {
    if (step < 64) return static_cast<std::uint32_t>(step);
    const std::size_t power = step / 32 - 1;
    return static_cast<std::uint32_t>((step - power * 32) << power);
  }

  std::array<std::uint64_t, 32 * 28> counts_{};
};

/// What became of the messages; see chat_load.cpp.
struct Counts {
  std::uint64_t deliveries = 0, lost = 0, disordered = 0, doubled = 0, closed = 0, strange = 0,
                other = 0;
};

}  // namespace load
