#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/text.h"

namespace sluice {

/// Immutable bytes with a count of their holders: one message, a thousand readers, one copy.
/// Copying costs an increment. Of one thread: the count is not atomic.
class SharedBytes {
 public:
  SharedBytes() = default;
  explicit SharedBytes(std::span<const std::byte> bytes);
  SharedBytes(const SharedBytes& other) : block_(other.block_) {
    if (block_) ++block_->holders;
  }
  SharedBytes(SharedBytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  SharedBytes& operator=(SharedBytes other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~SharedBytes();

  std::span<const std::byte> bytes() const;
  std::size_t size() const { return block_ ? block_->size : 0; }

 private:
  struct Block {
    std::size_t holders;
    std::size_t size;
    std::byte* data() { return reinterpret_cast<std::byte*>(this + 1); }
  };
  Block* block_ = nullptr;
};

/// A stretch of an open file, sent by sendfile(2) without passing through this process.
struct FileRange {
  Fd file;
  std::int64_t offset = 0;
  std::uint64_t size = 0;
};

/// What is still to be sent over one socket: own bytes, shared bytes and file ranges, in order.
/// Bytes from memory leave many pieces at a time by one sendmsg(2), a range by sendfile(2).
class OutputQueue {
 public:
  bool empty() const { return first_ == pieces_.size(); }
  /// Bytes queued that occupy memory, which is what backpressure and caps go by.
  std::size_t bytes_in_memory() const { return in_memory_; }
  /// All that is queued; walks the queue.
  std::uint64_t size_left() const;

  /// Copies `bytes`; small ones are put together.
  void append(std::span<const std::byte> bytes);
  /// Queues `bytes` from `skip` on.
  void append(SharedBytes bytes, std::size_t skip = 0);
  void append(FileRange range);

  struct Progress {
    std::size_t sent = 0;
    bool blocked = false;  ///< the socket takes no more now
    Error error{};         ///< EPIPE, ECONNRESET …; EIO when a file ended before its range did
  };
  /// Sends what the socket takes, within the write and sendfile budgets of one turn.
  Progress send_to(int socket);

  void clear();

 private:
  struct Own {
    std::vector<std::byte> bytes;
    std::size_t sent = 0;
  };
  struct Shared {
    SharedBytes bytes;
    std::size_t sent = 0;
  };
  using Piece = std::variant<Own, Shared, FileRange>;

  static std::span<const std::byte> rest_of(const Piece& piece);
  Progress send_memory(int socket, std::size_t budget);
  Progress send_file(int socket, FileRange& range, std::size_t budget);
  void advance(std::size_t sent);
  void pop();

  std::vector<Piece> pieces_;  // those before first_ are gone
  std::size_t first_ = 0;
  std::size_t in_memory_ = 0;
};

}  // namespace sluice
