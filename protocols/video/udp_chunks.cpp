#include "protocols/video/udp_chunks.h"

#include <algorithm>
#include <bit>

namespace sluice::video {
namespace {

constexpr std::uint32_t kAll = (1u << chunks::kCount) - 1;
/// So many that came in order, and then an index so far back: that is the next frame's.
constexpr int kHalf = chunks::kCount / 2;
/// Of a frame that is complete, so many chunks may come once more before it looks like the next.
constexpr int kStragglers = 2;

}  // namespace

ChunkAssembler::ChunkAssembler() : frame_(chunks::kFrameBytes) {}

ChunkAssembler::Taken ChunkAssembler::take(std::span<const std::byte> datagram) {
  if (datagram.size() != chunks::kDatagramBytes || datagram[0] >= std::byte{chunks::kCount}) {
    ++refused_;
    return Taken::refused;
  }
  const auto index = std::to_integer<int>(datagram[0]);
  const std::uint32_t bit = 1u << index;
  const bool far_back = in_order_ && std::popcount(have_) >= kHalf && index + kHalf <= last_;
  const bool stragglers = (have_ & ~repeated_) == 0 && std::popcount(have_) <= kStragglers;
  if (index == 0 ? far_back || stragglers : far_back && (have_ & bit) == 0) drop(0);
  if (index == 0) since_zero_ = 0;
  const auto place =
      std::span(frame_).subspan(static_cast<std::size_t>(index) * chunks::kBytes, chunks::kBytes);
  const auto bytes = datagram.subspan(1);
  const bool same = (whole_before_ || (have_ & bit) != 0) && std::ranges::equal(place, bytes);
  if ((have_ & bit) != 0) {
    if (same) {
      since_zero_ |= bit;
      ++doubled_;
      return Taken::doubled;
    }
    // The sender is at its next frame. What came since its index 0 belongs to that one.
    drop((since_zero_ & bit) != 0 ? 0 : since_zero_);
  }
  in_order_ = have_ == 0 || (in_order_ && index > last_);
  last_ = index;
  if (same) {
    repeated_ |= bit;
  } else {
    std::ranges::copy(bytes, place.begin());
  }
  have_ |= bit;
  since_zero_ |= bit;
  if (std::popcount(have_) > kStragglers) whole_before_ = false;
  if (have_ != kAll) return Taken::chunk;
  have_ = since_zero_ = repeated_ = 0;
  whole_before_ = true;
  ++frames_;
  return Taken::frame;
}

/// Gives up the frame in the making; `keep` of it is the next one's.
void ChunkAssembler::drop(std::uint32_t keep) {
  const std::uint32_t gone = have_ & ~keep;
  if (gone == 0) return;
  if ((gone & ~repeated_) == 0) {
    doubled_ += static_cast<std::uint64_t>(std::popcount(gone));
  } else {
    ++dropped_;
  }
  if ((have_ & ~repeated_) != 0) whole_before_ = false;
  have_ = since_zero_ = keep;
  repeated_ = 0;
  in_order_ = true;
}

}  // namespace sluice::video
