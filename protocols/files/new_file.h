#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocols/files/directory.h"
#include "reactor/error.h"
#include "reactor/fd.h"

namespace sluice::files {

/// A file that appears whole or not at all. Move-only; the Directory outlives it and stays put.
///
///       create() ─┐                ┌─ commit() ──▶ there, under its name
///                 ├─▶ unfinished ──┼─ discard() ─▶ gone
///       resume() ─┘   (write…)     └─ destructor ▶ gone, or kept when it came from resume()
///
/// Unfinished, it lies in the same directory under a hidden name (is_temporary_name()), so that
/// commit() is one rename. While the object lives it holds flock(2) on the file: of all connections
/// and all servers on this directory one writes to it, and clean_stale() knows it is in use. The
/// lock belongs to the descriptor, which a forked child that does not exec would share.
///
/// Errors are those of the system calls, ENOSPC, EDQUOT and EFBIG among them. At RLIMIT_FSIZE the
/// kernel also sends SIGXFSZ, which kills unless the process ignores it, as the tools do.
/// After a commit(), a discard() or a move away every call gives EBADF.
class NewFile {
 public:
  using Id = std::span<const std::byte, 16>;

  /// A new, empty file. The destructor removes it unless it was committed.
  static Result<NewFile> create(const Directory& directory);

  /// The unfinished file of this id: the one that an earlier NewFile left behind, size() telling
  /// how far it came, or else a new one. The destructor keeps it, unless it is empty. EWOULDBLOCK
  /// while another has it.
  static Result<NewFile> resume(const Directory& directory, Id id);

  NewFile(NewFile&& other) noexcept = default;
  NewFile& operator=(NewFile&& other) noexcept;
  ~NewFile() { let_go(); }

  /// Appends all of `bytes`. After an error size() tells how many of them were stored.
  Result<void> write(std::span<const std::byte> bytes);

  /// Cuts the file to `size` bytes, at most size() (EINVAL): write() goes on from there.
  Result<void> truncate(std::uint64_t size);

  /// Waits until the bytes are on the disk, which may take long. With Directory::sync() after
  /// commit() the file outlasts a power cut.
  Result<void> sync();

  /// Gives the file its name, a single component. When that is taken: EEXIST, or, with `replace`,
  /// the new file takes its place in one step (EISDIR for a directory, EINVAL for a device or a
  /// pipe). After an error the file is unfinished still, and another name may be tried.
  Result<void> commit(std::string_view name, bool replace);

  /// Removes the file.
  void discard();

  /// Bytes in the file.
  std::uint64_t size() const { return size_; }

  /// Open for reading too (pread), as for the digest of what was there already; -1 once let go.
  int fd() const { return fd_.get(); }

 private:
  enum class Kept { never, for_resume };

  NewFile(const Directory& directory, Fd fd, std::string name, std::uint64_t size, Kept kept);

  void let_go();

  const Directory* directory_;
  Fd fd_;  // valid as long as the file is unfinished and ours
  std::string temporary_;
  std::uint64_t size_;
  Kept kept_;
};

/// Removes what crashes and deserting clients left in `directory`: unfinished files of create(),
/// and those of resume() that nobody wrote to for `age`. What is in use stays, whichever process
/// uses it. Returns how many were removed. Reads the whole directory: for the start, not for the
/// loop.
Result<std::size_t> clean_stale(const Directory& directory, std::chrono::seconds age);

/// The same for one entry of `directory`, for who comes across it; those of resume() stay.
bool remove_abandoned(int directory, std::string_view name);

}  // namespace sluice::files
