#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "reactor/error.h"
#include "reactor/fd.h"

namespace sluice::files {

/// Reads the entries of a directory a block at a time (getdents64(2)), so that a million of them
/// need no more memory than one block. Move-only.
///
/// `.` and `..` are left out. A directory that fits into the first block comes sorted by name
/// (byte order); a larger one comes in the order of the file system.
class DirectoryReader {
 public:
  struct Entry {
    const char* name;    ///< ends with NUL; valid until the next call of next()
    std::size_t size;    ///< of the name
    unsigned char type;  ///< DT_REG, DT_DIR, …; DT_UNKNOWN on some file systems (readdir(3))
    std::string_view text() const { return {name, size}; }
  };

  /// `directory` is opened for reading (not O_PATH).
  explicit DirectoryReader(Fd directory);

  /// The next entry, or nothing at the end. An error ends the reading.
  Result<std::optional<Entry>> next();

  /// The directory, for the *at() calls. Stays this object's.
  int fd() const { return fd_.get(); }

 private:
  Result<void> fill();
  Result<std::size_t> read_block(std::size_t at);
  std::optional<Entry> next_in_block();
  void sort();
  void end();

  enum class State { unread, in_order_of_block, sorted, ended };

  Fd fd_;
  State state_ = State::unread;
  std::unique_ptr<std::byte[]> block_;  // while there is something to read
  std::size_t position_ = 0;            // in the block, or in sorted_
  std::size_t end_ = 0;                 // of what is in the block
  std::vector<Entry> sorted_;           // a small directory's entries, which point into the block
};

}  // namespace sluice::files
