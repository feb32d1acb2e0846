#include "protocols/files/new_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include <cstdio>
#include <memory>
#include <utility>

#include "protocols/files/name.h"
#include "protocols/files/sha256.h"

namespace sluice::files {
namespace {

static_assert(sizeof(off_t) == 8, "build with -D_FILE_OFFSET_BITS=64");

/// Each try meets another that removed, renamed or took the same name in the same instant.
constexpr int kTries = 100;

constexpr mode_t kMode = 0666;  // less the umask
constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

std::string temporary_name(std::span<const std::byte> id) {
  return ".sluice-" + to_hex(id) + ".part";
}

/// Fresh rather than secret: O_EXCL has the last word. The clock alone would do but for boards
/// whose clock ticks slowly.
std::string fresh_name() {
  static std::uint8_t counter = 0;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const auto seconds = static_cast<std::uint64_t>(now.tv_sec);
  const auto nanoseconds = static_cast<std::uint64_t>(now.tv_nsec);
  const std::uint64_t number = (seconds * 1'000'000'000 + nanoseconds) << 8 | counter++;
  return temporary_name(std::as_bytes(std::span(&number, 1)));
}

/// Takes the lock without waiting: EWOULDBLOCK when another has it. False when the file is not the
/// one at `name` any more, as whoever had the lock until now may have renamed or removed it.
Result<bool> lock(int directory, const Fd& fd, const std::string& name) {
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return fail("flock");
  struct stat ours{}, there{};
  if (::fstat(fd.get(), &ours) != 0) return fail("fstat");
  if (::fstatat(directory, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    return fail("fstatat");
  }
  return ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/// Network file systems report a full disk only when a descriptor is closed: a copy is closed while
/// the file can still be kept from its name. Without a descriptor for the copy, that is left out.
Result<void> flush(const Fd& fd) {
  const int copy = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0);
  if (copy >= 0 && ::close(copy) != 0 && errno != EINTR) return fail("close");
  return {};
}

Result<void> rename_to_new(int directory, const char* from, const char* to) {
  if (::renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0) return {};
  if (errno != EINVAL && errno != ENOSYS) return fail("rename");
  // The file system cannot rename without replacing, but a second name never replaces.
  if (::linkat(directory, from, directory, to, 0) != 0) return fail("link");
  ::unlinkat(directory, from, 0);  // whole under its name: what may stay is clean_stale()'s
  return {};
}

/// Removes the file at `name` unless someone has it or, where it may be resumed, it is young.
Result<bool> remove_stale(int directory, const std::string& name, time_t oldest) {
  const Fd fd(
      ::openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail("open");
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail("fstat");
  if (!S_ISREG(status.st_mode)) return false;
  const bool resumable = name.size() == temporary_name(std::array<std::byte, 16>{}).size();
  if (resumable && status.st_mtime > oldest) return false;
  const auto locked = lock(directory, fd, name);
  if (!locked || !*locked) return locked;
  if (::unlinkat(directory, name.c_str(), 0) != 0) return fail("unlink");
  return true;
}

}  // namespace

bool remove_abandoned(int directory, std::string_view name) {
  if (!is_temporary_name(name)) return false;
  const auto removed = remove_stale(directory, std::string(name), 0);
  return removed && *removed;
}

NewFile::NewFile(const Directory& directory, Fd fd, std::string name, std::uint64_t size, Kept kept)
    : directory_(&directory),
      fd_(std::move(fd)),
      temporary_(std::move(name)),
      size_(size),
      kept_(kept) {}

NewFile& NewFile::operator=(NewFile&& other) noexcept {
  if (this == &other) return *this;
  let_go();
  directory_ = other.directory_;
  fd_ = std::move(other.fd_);
  temporary_ = std::move(other.temporary_);
  size_ = other.size_;
  kept_ = other.kept_;
  return *this;
}

Result<NewFile> NewFile::create(const Directory& directory) {
  for (int i = 0; i < kTries; ++i) {
    std::string name = fresh_name();
    Fd fd(::openat(directory.fd(), name.c_str(), kFlags | O_EXCL, kMode));
    if (!fd && (errno == EEXIST || errno == EINTR)) continue;
    if (!fd) return fail("create a file");
    // Before the lock is ours a clean_stale() elsewhere may take the file for a stale one.
    const auto locked = lock(directory.fd(), fd, name);
    if (locked && *locked)
      return NewFile(directory, std::move(fd), std::move(name), 0, Kept::never);
    if (!locked && locked.error().code != EWOULDBLOCK) {
      ::unlinkat(directory.fd(), name.c_str(), 0);
      return std::unexpected(locked.error());
    }
  }
  return fail("create a file", EEXIST);
}

Result<NewFile> NewFile::resume(const Directory& directory, Id id) {
  std::string name = temporary_name(id);
  for (int i = 0; i < kTries; ++i) {
    Fd fd(::openat(directory.fd(), name.c_str(), kFlags, kMode));
    if (!fd && errno == EINTR) continue;
    if (!fd) return fail("create a file");
    const auto locked = lock(directory.fd(), fd, name);
    if (!locked) return std::unexpected(locked.error());
    if (!*locked) continue;
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) return fail("fstat");
    if (!S_ISREG(status.st_mode)) return fail("create a file", EEXIST);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    return NewFile(directory, std::move(fd), std::move(name), size, Kept::for_resume);
  }
  return fail("flock", EWOULDBLOCK);
}

Result<void> NewFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("write");
    if (n == 0) return fail("write", EIO);
    size_ += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return fd_ ? Result<void>() : fail("write", EBADF);
}

Result<void> NewFile::truncate(std::uint64_t size) {
  if (fd_ && size > size_) return fail("ftruncate", EINVAL);
  int result = 0;
  do {
    result = ::ftruncate(fd_.get(), static_cast<off_t>(size));
  } while (result != 0 && errno == EINTR);
  if (result != 0) return fail("ftruncate");
  size_ = size;
  return {};
}

Result<void> NewFile::sync() {
  // Begun anew after EINTR only: after EIO a second fsync reports success although the pages that
  // could not be written are lost.
  int result = 0;
  do {
    result = ::fsync(fd_.get());
  } while (result != 0 && errno == EINTR);
  if (result != 0) return fail("fsync");
  return {};
}

Result<void> NewFile::commit(std::string_view name, bool replace) {
  if (!fd_) return fail("rename", EBADF);
  if (auto component = check_component(name); !component) return component;
  if (is_temporary_name(name)) return fail("the name is kept for unfinished files", EINVAL);
  if (auto flushed = flush(fd_); !flushed) return flushed;

  const int directory = directory_->fd();
  const std::string target(name);
  struct stat there;
  if (!replace) {
    auto renamed = rename_to_new(directory, temporary_.c_str(), target.c_str());
    if (!renamed) return renamed;
  } else if (::fstatat(directory, target.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
             !S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode)) {
    // rename(2) would replace a device or a pipe, which was never meant.
    return fail("what stands there is not a file", S_ISDIR(there.st_mode) ? EISDIR : EINVAL);
  } else if (::renameat(directory, temporary_.c_str(), directory, target.c_str()) != 0) {
    return fail("rename");
  }
  fd_.reset();
  return {};
}

void NewFile::discard() {
  if (!fd_) return;
  ::unlinkat(directory_->fd(), temporary_.c_str(), 0);
  fd_.reset();
}

void NewFile::let_go() {
  if (kept_ == Kept::never || size_ == 0) discard();
  fd_.reset();
}

Result<std::size_t> clean_stale(const Directory& directory, std::chrono::seconds age) {
  Fd readable(::openat(directory.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable) return fail("open");
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(readable.get()), ::closedir);
  if (!entries) return fail("fdopendir");
  static_cast<void>(readable.release());  // closedir closes it

  const auto oldest = static_cast<time_t>(::time(nullptr) - age.count());
  std::size_t removed = 0;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr && errno != 0) return fail("readdir");
    if (entry == nullptr) return removed;
    if (!is_temporary_name(entry->d_name)) continue;
    const auto gone = remove_stale(directory.fd(), entry->d_name, oldest);
    if (gone && *gone) ++removed;
  }
}

}  // namespace sluice::files
