#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sluice::video {

/// The lecture's TCP format: each payload behind its length, 8 bytes, little-endian.
std::array<std::byte, 8> frame_length(std::uint64_t bytes);

/// Takes a stream of such frames apart. A length of 0 is a frame without a picture and is passed
/// over; one over the bound ends it, before anything is allocated.
class FrameReader {
 public:
  static constexpr std::size_t kMaxBytes = 64u << 20;

  explicit FrameReader(std::size_t max_bytes = kMaxBytes) : max_bytes_(max_bytes) {}

  /// Takes bytes up to the end of the next payload; returns how many. When payload() is there it is
  /// to be used before the next call. After refused() takes nothing more.
  std::size_t feed(std::span<const std::byte> bytes);
  std::optional<std::span<const std::byte>> payload() const;
  /// The length that was too large.
  std::optional<std::uint64_t> refused() const { return refused_; }
  /// In the middle of a frame: at the end of the stream that means it was cut short.
  bool inside() const { return have_ > 0; }
  /// Bytes that it holds: what has arrived of a frame counts, not what its length claims.
  std::size_t memory() const { return payload_.capacity(); }

 private:
  std::size_t take_head(std::span<const std::byte> bytes);
  std::size_t take_payload(std::span<const std::byte> bytes);

  std::size_t max_bytes_;
  std::array<std::byte, 8> head_{};
  std::size_t have_ = 0;    // of the head
  std::size_t length_ = 0;  // of the payload
  std::vector<std::byte> payload_;
  bool complete_ = false;
  std::optional<std::uint64_t> refused_;
};

}  // namespace sluice::video
