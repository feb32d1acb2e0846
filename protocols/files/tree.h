#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/files/directory.h"
#include "protocols/files/directory_reader.h"
#include "protocols/files/file_info.h"
#include "reactor/error.h"
#include "reactor/fd.h"

namespace sluice::files {

/// A directory and all below it, as a root that no path leads out of: what a file server serves.
///
/// Paths are absolute within it and normalised: "/" is the root itself, "/a/b" an entry of the
/// directory "/a"; a component is never empty, `.` or `..`, and holds no NUL. Symbolic links are
/// followed as inside a chroot (openat2(2), RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), each time
/// anew by the kernel, so that none that is put there meanwhile leads out. Changes go by the *at()
/// calls on the parent directory, opened in the same way. On a kernel without openat2 (before 5.6)
/// the components are opened one by one and links give ELOOP.
///
/// Errors are those of the system calls. Nothing here waits on a FIFO or a device.
class Tree {
 public:
  /// Opens the directory at `path`, relative to the working directory.
  static Result<Tree> open(const std::string& path);

  /// A regular file for reading: EISDIR for a directory, EINVAL for what is neither.
  Result<Fd> open_read(std::string_view path) const;

  enum class Write {
    create,  ///< a new file; EEXIST when there is one
    update,  ///< one that exists, its contents kept; ENOENT when there is none
    append,  ///< at its end, made when it is not there (O_APPEND)
  };
  /// A regular file for writing, not truncated. Mode 0666 less the umask. EISDIR, EINVAL as above
  /// (a FIFO gives EINVAL too).
  Result<Fd> open_write(std::string_view path, Write how) const;

  /// A directory for DirectoryReader. ENOTDIR for anything else.
  Result<Fd> open_directory(std::string_view path) const;

  /// ENOTDIR, or EACCES when it cannot be entered.
  Result<void> check_enter(std::string_view path) const;

  /// Of what the path leads to; with `follow` false, of the link at its end.
  Result<FileInfo> info(std::string_view path, bool follow = true) const;

  /// Where the link at the end of `path` points to, as it stands there.
  Result<std::string> read_link(std::string_view path) const;

  Result<void> make_directory(std::string_view path) const;    ///< mode 0777 less the umask
  Result<void> remove_directory(std::string_view path) const;  ///< EBUSY for the root
  Result<void> remove_file(std::string_view path) const;       ///< a link itself; EISDIR
  /// As rename(2): replaces a file. EBUSY for the root on either side.
  Result<void> rename(std::string_view from, std::string_view to) const;
  /// Both follow links, and touch regular files and directories only.
  Result<void> set_mode(std::string_view path, mode_t mode) const;
  Result<void> set_modified(std::string_view path, timespec modified) const;

  /// The directory that holds the entry at `path`, and the entry's name, links at the end of the
  /// path followed as long as they lead on inside the tree (ELOOP after 40): where a NewFile has to
  /// lie that is to replace the file itself and not the link to it. EISDIR for the root.
  struct Place {
    Directory directory;
    std::string name;
  };
  Result<Place> place_of(std::string_view path) const;

  /// Bytes that a process without privileges can still write in the directory at `path`.
  Result<std::uint64_t> free_bytes(std::string_view path) const;

  /// Whether the file system at `path` is mounted read-only.
  bool read_only(std::string_view path) const;

 private:
  explicit Tree(Fd root) : root_(std::move(root)) {}

  /// The directory that holds the entry at a path, as a root-bound descriptor, and its name.
  struct Entry {
    Fd opened;  // none when the directory is the root, which is not opened anew
    int directory;
    std::string name;
  };
  Result<Entry> entry_at(std::string_view path, int error_for_root) const;
  Result<Fd> open_path(std::string_view path, int flags, mode_t mode = 0) const;
  Result<Fd> open_file(std::string_view path, int flags) const;
  Result<Fd> open_any(std::string_view path, int flags) const;

  Fd root_;  // O_PATH
};

}  // namespace sluice::files
