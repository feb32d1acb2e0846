#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "protocols/tftp/source.h"
#include "protocols/tftp/terms.h"
#include "reactor/error.h"

namespace sluice::tftp {

/// The next blocks of a Source as packets, header and contents, one behind the other, so that many
/// of them leave by one call. A ring: what was acknowledged makes room for what is read ahead.
///
class BlockBuffer {
 public:
  BlockBuffer(Source& source, const Terms& terms);

  /// Reads on, one piece of some 64 KiB, or as much as there is room for; of a slow Source a block.
  /// False when there is no room, or nothing more to read. Errors are the Source's.
  Result<bool> read();
  /// Whether reading ahead is worth a call.
  bool wants_more() const;

  /// The highest block that is here.
  std::uint64_t filled() const { return filled_; }
  /// The one that ends it all, once it has been read; 0 before.
  std::uint64_t last() const { return last_; }

  /// Packets in a row in memory from block `from` on, at most `count`, at least one if `from` is
  /// here. Each takes packet_size() bytes but for the last block's.
  std::span<const std::byte> packets(std::uint64_t from, std::uint64_t count) const;
  std::size_t packet_size() const { return block_size_ + kDataHeader; }

  /// Those up to `block` are not asked for any more.
  void release(std::uint64_t block);

  /// How many bytes the contents of the blocks up to `block` are.
  std::uint64_t contents(std::uint64_t block) const;

 private:
  std::byte* slot_of(std::uint64_t block) const {
    return packets_.get() + (block - 1) % slots_ * packet_size();
  }

  Source* source_;
  std::size_t block_size_;
  std::uint16_t rollover_;
  std::size_t slots_;
  std::unique_ptr<std::byte[]> packets_;
  std::uint64_t released_ = 0;
  std::uint64_t filled_ = 0;
  std::uint64_t last_ = 0;
  std::size_t last_bytes_ = 0;  // contents of the last block
};

}  // namespace sluice::tftp
