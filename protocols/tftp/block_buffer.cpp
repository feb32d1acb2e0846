#include "protocols/tftp/block_buffer.h"

#include <algorithm>
#include <cstring>

#include "protocols/tftp/window.h"

namespace sluice::tftp {
namespace {

/// What is asked of the Source at once: larger reads cost fewer calls, smaller ones do not keep the
/// loop for long when the disk is slow.
constexpr std::size_t kPieceBytes = 64 * 1024;
/// What is read ahead beyond the window, if the window is not as large itself.
constexpr std::size_t kMaxAheadBytes = 256 * 1024;

std::size_t slots_for(const Terms& terms) {
  const std::size_t packet = terms.block_size + kDataHeader;
  const std::size_t window = terms.window;
  const std::size_t ahead = std::min(window, kMaxAheadBytes / packet);
  return std::max({window + std::max<std::size_t>(ahead, 1), kPieceBytes / packet});
}

}  // namespace

BlockBuffer::BlockBuffer(Source& source, const Terms& terms)
    : source_(&source),
      block_size_(terms.block_size),
      rollover_(terms.rollover),
      slots_(slots_for(terms)),
      packets_(std::make_unique_for_overwrite<std::byte[]>(slots_ * packet_size())) {}

bool BlockBuffer::wants_more() const {
  const std::size_t free = slots_ - (filled_ - released_);
  return last_ == 0 && !source_->slow() &&
         free >= std::min((slots_ + 1) / 2, std::max<std::size_t>(kPieceBytes / packet_size(), 1));
}

Result<bool> BlockBuffer::read() {
  const std::size_t free = slots_ - (filled_ - released_);
  const std::size_t to_edge = slots_ - filled_ % slots_;
  const std::size_t piece = source_->slow() ? 1 : kPieceBytes / block_size_;
  const std::size_t count = std::min({free, to_edge, std::max<std::size_t>(piece, 1)});
  if (last_ != 0 || count == 0) return false;
  // Read in one piece so that the last block comes to lie where it belongs; those before it move
  // down to make room for the headers.
  const std::span<std::byte> room(slot_of(filled_ + 1) + count * kDataHeader, count * block_size_);
  const auto size = source_->read(room);
  if (!size) return std::unexpected(size.error());
  if (*size < room.size()) {
    last_ = filled_ + *size / block_size_ + 1;
    last_bytes_ = *size % block_size_;
  }
  const std::uint64_t from = filled_ + 1;
  filled_ = last_ != 0 ? last_ : filled_ + count;
  std::byte* contents = room.data();
  for (std::uint64_t block = from; block <= filled_; ++block) {
    std::byte* slot = slot_of(block);
    put_data_header(std::span<std::byte, kDataHeader>(slot, kDataHeader),
                    wire_number(block, rollover_));
    const std::size_t bytes = block == last_ ? last_bytes_ : block_size_;
    if (slot + kDataHeader != contents) std::memmove(slot + kDataHeader, contents, bytes);
    contents += bytes;
  }
  return true;
}

std::span<const std::byte> BlockBuffer::packets(std::uint64_t from, std::uint64_t count) const {
  if (from > filled_) return {};
  const std::uint64_t to_edge = slots_ - (from - 1) % slots_;
  count = std::min({count, to_edge, filled_ - from + 1});
  std::size_t bytes = count * packet_size();
  if (from + count - 1 == last_) bytes -= block_size_ - last_bytes_;
  return {slot_of(from), bytes};
}

void BlockBuffer::release(std::uint64_t block) {
  released_ = std::max(released_, std::min(block, filled_));
}

std::uint64_t BlockBuffer::contents(std::uint64_t block) const {
  if (last_ != 0 && block >= last_) return (last_ - 1) * block_size_ + last_bytes_;
  return block * block_size_;
}

}  // namespace sluice::tftp
