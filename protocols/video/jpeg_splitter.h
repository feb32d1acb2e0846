#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sluice::video {

/// Finds the pictures in a row of JPEGs, such as an MJPEG file or a multipart body: whatever lies
/// between EOI and the next SOI is passed over. Bytes come in pieces of any size. Memory is bounded
/// by `max_bytes`, over which a picture is dropped and counted.
class JpegSplitter {
 public:
  explicit JpegSplitter(std::size_t max_bytes);

  /// Takes bytes up to the end of the next picture; returns how many it took. When picture() is
  /// there afterwards it is to be used before the next call.
  std::size_t feed(std::span<const std::byte> bytes);
  /// Whole, SOI to EOI; none while it is not complete.
  std::optional<std::span<const std::byte>> picture() const;
  /// Pictures that were cut short by a new SOI, or too long.
  std::uint64_t broken() const { return broken_; }
  /// Inside a picture: at the end of the input that means it was cut short.
  bool inside() const { return state_ != State::outside && state_ != State::complete; }

 private:
  ///     outside --SOI--> marker <--> length --> segment --SOS's own--> scan
  ///                        ^                                             |
  ///                        +---------- a marker but for RST -------------+
  /// EOI ends in complete, from which the next feed() begins again; what cannot be, outside.
  enum class State : std::uint8_t { outside, marker, length, segment, scan, complete };

  std::size_t pass_over(std::span<const std::byte> bytes);
  std::size_t take_markers(std::span<const std::byte> bytes);
  std::size_t take_segment(std::span<const std::byte> bytes);
  void append(std::span<const std::byte> bytes);
  std::size_t take_scan(std::span<const std::byte> bytes);
  void take_marker(std::uint8_t code);
  void begin();
  void drop();

  std::size_t max_bytes_;
  State state_ = State::outside;
  bool after_ff_ = false;    // the byte before was FF, of what may be a marker
  std::uint8_t marker_ = 0;  // of the segment
  std::size_t left_ = 0;     // bytes of its length, then of itself
  std::vector<std::byte> picture_;
  std::uint64_t broken_ = 0;
};

}  // namespace sluice::video
