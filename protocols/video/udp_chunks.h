#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sluice::video {

/// The lecture's UDP format: a picture of 640x480 BGR pixels in 20 datagrams, each its index and a
/// twentieth of the bytes.
namespace chunks {
inline constexpr std::uint32_t kWidth = 640, kHeight = 480;
inline constexpr std::size_t kFrameBytes = std::size_t{kWidth} * kHeight * 3;
inline constexpr std::size_t kCount = 20;
inline constexpr std::size_t kBytes = kFrameBytes / kCount;
inline constexpr std::size_t kDatagramBytes = 1 + kBytes;
}  // namespace chunks

/// Puts them together again. A frame counts once all 20 are there, in whatever order. The format
/// does not number frames, so the next one is known by an index that is here already with other
/// bytes, or that goes far back when half of the frame and more has come in order. It drops one
/// that is unfinished. Chunks that come twice do no harm.
class ChunkAssembler {
 public:
  ChunkAssembler();

  enum class Taken : std::uint8_t { chunk, frame, doubled, refused };
  /// `frame`: this one completed a picture(). `refused`: a wrong length, or an index over 19.
  Taken take(std::span<const std::byte> datagram);
  /// The last complete picture, kFrameBytes; valid until the next take().
  std::span<const std::byte> picture() const { return frame_; }

  std::uint64_t frames() const { return frames_; }
  std::uint64_t dropped() const { return dropped_; }  ///< frames that were not completed
  std::uint64_t refused() const { return refused_; }  ///< datagrams
  std::uint64_t doubled() const { return doubled_; }  ///< datagrams

 private:
  void drop(std::uint32_t keep);

  std::vector<std::byte> frame_;
  std::uint32_t have_ = 0;        // a bit a chunk
  std::uint32_t since_zero_ = 0;  // those that came since the last index 0
  std::uint32_t repeated_ = 0;    // those that were the same in the frame before
  int last_ = 0;                  // index
  bool in_order_ = true;          // those that are here came so
  bool whole_before_ = false;     // what is not here yet is still that of the frame before
  std::uint64_t frames_ = 0, dropped_ = 0, refused_ = 0, doubled_ = 0;
};

}  // namespace sluice::video
