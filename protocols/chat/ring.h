#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "reactor/check.h"

namespace sluice::chat {

/// A part of a Ring, by positions counted since its beginning.
struct Range {
  std::uint64_t begin = 0, end = 0;
  bool operator==(const Range&) const = default;
};

/// The last bytes of an endless text. Whoever reads it keeps a position, and nothing else: a line
/// is stored once for any number of readers.
class Ring {
 public:
  /// `capacity` is a power of two. Owns no memory before the first append().
  explicit Ring(std::size_t capacity) : capacity_(capacity) {}

  std::uint64_t head() const { return head_; }
  std::uint64_t tail() const { return std::max(first_, head_ > capacity_ ? head_ - capacity_ : 0); }
  std::size_t capacity() const { return capacity_; }

  /// At most capacity() bytes; the oldest make room.
  void append(std::string_view text) {
    SLUICE_CHECK(text.size() <= capacity_);
    if (!bytes_) bytes_ = std::make_unique_for_overwrite<char[]>(capacity_);
    const std::size_t at = index(head_);
    const std::size_t first = std::min(text.size(), capacity_ - at);
    std::memcpy(&bytes_[at], text.data(), first);
    std::memcpy(&bytes_[0], text.data() + first, text.size() - first);
    head_ += text.size();
  }

  /// Makes it larger or smaller; positions stay what they are, and the last bytes are kept.
  void resize(std::size_t capacity) {
    Ring other(capacity);
    const std::uint64_t kept = std::max(tail(), head_ - std::min<std::uint64_t>(head_, capacity));
    other.head_ = other.first_ = kept;
    iovec pieces[2];
    const int count = slice({kept, head_}, pieces);
    for (int i = 0; i < count; ++i) {
      other.append({static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len});
    }
    *this = std::move(other);
  }

  /// The bytes of a range that lies between tail() and head(), in one piece or two; returns how
  /// many pieces. Valid until the next append() or resize().
  int slice(Range range, iovec (&pieces)[2]) const {
    const std::size_t size = range.end - range.begin;
    if (size == 0) return 0;
    const std::size_t at = index(range.begin);
    const std::size_t first = std::min(size, capacity_ - at);
    pieces[0] = {&bytes_[at], first};
    if (first == size) return 1;
    pieces[1] = {&bytes_[0], size - first};
    return 2;
  }

  char at(std::uint64_t position) const { return bytes_[index(position)]; }

 private:
  std::size_t index(std::uint64_t position) const { return position & (capacity_ - 1); }

  std::size_t capacity_;
  std::uint64_t head_ = 0;
  std::uint64_t first_ = 0;  // what lay before it was lost before resize()
  std::unique_ptr<char[]> bytes_;
};

}  // namespace sluice::chat
