#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "reactor/error.h"
#include "reactor/fd.h"

namespace sluice::files {

/// An open directory as a root that no name leads out of. Owns one descriptor, so that the
/// directory stays the same one when it is renamed or another is put in its place. Move-only.
///
/// The errors are those of the system calls; a name that cannot be one has check_component()'s.
class Directory {
 public:
  /// Opens the directory at `path`, relative to the working directory. ENOENT, ENOTDIR, EACCES.
  static Result<Directory> open(const std::string& path);

  /// Takes over an open directory (O_PATH will do).
  explicit Directory(Fd fd) : fd_(std::move(fd)) {}

  /// Creates a hidden file of one byte and removes it, so that a mount without write access, a
  /// missing permission, a full disk or a quota shows at the start and not at the first upload.
  Result<void> check_writable() const;

  /// Opens a regular file for reading. `name` may be a path: it is resolved as in a chroot of this
  /// directory, where `..` stops at the root and a symbolic link is followed inside it (openat2(2),
  /// RESOLVE_IN_ROOT). Never blocks on a FIFO. EISDIR for a directory, EINVAL for whatever else is
  /// not a regular file (ENXIO for a socket). On a kernel without openat2 (before 5.6) `..` gives
  /// ENOSYS and a symbolic link ELOOP.
  Result<Fd> open_read(std::string_view name) const;

  /// Whether the entry is there, be it a dangling link. False only when it surely is not: who asks
  /// wants to know that the name is free, but commits with `replace` false all the same.
  bool exists(std::string_view name) const;

  /// Bytes that a process without privileges can still write here.
  Result<std::uint64_t> free_bytes() const;

  /// Removes a file. EISDIR for a directory.
  Result<void> remove(std::string_view name) const;

  /// Makes the names committed so far outlast a power cut (fsync of the directory); may block long.
  Result<void> sync() const;

  /// The descriptor, for the *at() system calls; opened with O_PATH. Stays this object's.
  int fd() const { return fd_.get(); }

 private:
  Fd fd_;
};

}  // namespace sluice::files
