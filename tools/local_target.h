#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "protocols/files/tree.h"
#include "reactor/fd.h"

namespace sluice::tools {

/// Where the unfinished file of `local` lies: `local`.part, its name cut where it would be too
/// long.
std::string part_path(std::string_view local);

/// The file here that a download is written to: NAME.part until commit() makes it NAME, or NAME
/// itself when one goes on from it in place. Opened at the first write, so that a download that is
/// refused leaves no trace. While it is open it is locked (flock(2)), so that of two programs that
/// fetch the same file one is told EWOULDBLOCK.
///
/// Errors are those of the system calls.
class LocalTarget {
 public:
  /// `tree` outlives it.
  LocalTarget(const files::Tree* tree, std::string local, std::string part);

  /// What is here: of the unfinished file, and of NAME; regular files only, links not followed.
  std::optional<files::FileInfo> part_info() const { return regular(part_); }
  std::optional<files::FileInfo> file_info() const { return regular(local_); }

  /// Where the first write goes: into NAME.part from `offset` on (0: what it holds is thrown away,
  /// once there is something to write), or into NAME itself.
  void go_on_from(std::uint64_t offset, bool in_place);

  Result<void> write(std::span<const std::byte> bytes);

  /// It is whole: the time, then the name.
  Result<void> commit(std::optional<timespec> modified);
  /// It is not: an empty one goes, another stays with the time of the server's file, by which a
  /// later try tells whether that has changed.
  void keep(std::optional<timespec> modified);
  /// What is in it is worth nothing.
  void discard();

 private:
  std::optional<files::FileInfo> regular(const std::string& path) const;
  Result<void> open();
  Result<void> open_existing(const std::string& path);

  const files::Tree* tree_;
  std::string local_, part_;
  Fd fd_;
  std::uint64_t begin_ = 0;  // bytes that were there before
  std::uint64_t size_ = 0;
  bool in_place_ = false;
};

}  // namespace sluice::tools
