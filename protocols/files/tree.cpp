#include "protocols/files/tree.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "protocols/files/name.h"
#include "protocols/files/open_in_root.h"

// Linux 6.6; older headers lack the number, which is the same everywhere but on these two.
#if !defined(SYS_fchmodat2) && !defined(__alpha__) && !defined(__mips__)
#define SYS_fchmodat2 452
#endif

namespace sluice::files {
namespace {

/// As many links as the kernel follows on its way (path_resolution(7)).
constexpr int kMaxLinks = 40;

/// A path as the system calls want it, without an allocation.
class CPath {
 public:
  explicit CPath(std::string_view path) {
    if (path.find('\0') != path.npos) {
      error_ = EINVAL;
    } else if (path.size() >= text_.size()) {
      error_ = ENAMETOOLONG;
    } else {
      text_[path.copy(text_.data(), path.size())] = '\0';
    }
  }
  int error() const { return error_; }
  const char* c_str() const { return text_.data(); }

 private:
  std::array<char, PATH_MAX> text_;
  int error_ = 0;
};

std::string_view directory_part(std::string_view path) {
  return path.substr(0, path.rfind('/') + 1);
}

Result<std::string> link_target(int directory, const char* name) {
  std::array<char, PATH_MAX> target;
  const ssize_t n = ::readlinkat(directory, name, target.data(), target.size());
  if (n < 0) return fail("readlink");
  return std::string(target.data(), static_cast<std::size_t>(n));
}

/// Where the kernel cannot change a file that is open with O_PATH only, its name in /proc can.
class ProcName {
 public:
  explicit ProcName(int fd) { ::snprintf(text_.data(), text_.size(), "/proc/self/fd/%d", fd); }
  const char* c_str() const { return text_.data(); }

 private:
  std::array<char, 32> text_;
};

bool change_mode(int path_fd, mode_t mode) {
#ifdef SYS_fchmodat2
  if (::syscall(SYS_fchmodat2, path_fd, "", mode, AT_EMPTY_PATH) == 0) return true;
#endif
  return ::chmod(ProcName(path_fd).c_str(), mode) == 0;
}

bool change_time(int path_fd, const timespec (&times)[2]) {
  if (::utimensat(path_fd, "", times, AT_EMPTY_PATH) == 0) return true;  // Linux 5.8
  return ::utimensat(AT_FDCWD, ProcName(path_fd).c_str(), times, 0) == 0;
}

}  // namespace

Result<Tree> Tree::open(const std::string& path) {
  Fd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail("open");
  return Tree(std::move(fd));
}

Result<Fd> Tree::open_path(std::string_view path, int flags, mode_t mode) const {
  const CPath text(path);
  if (text.error() != 0) return fail("open", text.error());
  return detail::open_in_root(root_.get(), text.c_str(), flags, mode);
}

Result<Fd> Tree::open_file(std::string_view path, int flags) const {
  const CPath text(path);
  if (text.error() != 0) return fail("open", text.error());
  auto fd = detail::open_file_in_root(root_.get(), text.c_str(), flags, 0666);
  // A socket, a FIFO that nobody reads, a device without its driver.
  if (!fd && (fd.error().code == ENXIO || fd.error().code == ENODEV)) {
    return fail("open (not a regular file)", EINVAL);
  }
  return fd;
}

Result<Tree::Entry> Tree::entry_at(std::string_view path, int error_for_root) const {
  const std::string_view above = directory_part(path);
  const std::string_view name = path.substr(above.size());
  if (name.empty()) return fail("open", error_for_root);
  if (auto component = check_component(name); !component) {
    return std::unexpected(component.error());
  }
  if (above.size() <= 1) return Entry{Fd(), root_.get(), std::string(name)};
  auto opened = open_path(above, O_PATH | O_DIRECTORY);
  if (!opened) return std::unexpected(opened.error());
  const int directory = opened->get();
  return Entry{std::move(*opened), directory, std::string(name)};
}

Result<Fd> Tree::open_read(std::string_view path) const {
  return open_file(path, O_RDONLY);
}

Result<Fd> Tree::open_write(std::string_view path, Write how) const {
  switch (how) {
    case Write::create:
      return open_file(path, O_WRONLY | O_CREAT | O_EXCL);
    case Write::append:
      return open_file(path, O_WRONLY | O_CREAT | O_APPEND);
    case Write::update:
      break;
  }
  return open_file(path, O_WRONLY);
}

Result<Fd> Tree::open_directory(std::string_view path) const {
  return open_path(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
}

Result<void> Tree::check_enter(std::string_view path) const {
  // Looking up `.` in it needs what entering it needs.
  auto fd = open_path(std::string(path) + "/.", O_PATH | O_DIRECTORY);
  if (!fd) return std::unexpected(fd.error());
  return {};
}

Result<FileInfo> Tree::info(std::string_view path, bool follow) const {
  if (directory_part(path).size() == 1 && path.size() > 1) {
    // Without opening anything, unless there is a link to follow.
    auto entry = entry_at(path, EINVAL);
    if (!entry) return std::unexpected(entry.error());
    auto found = file_info(entry->directory, entry->name.c_str());
    if (!found || !follow || !found->is_link()) return found;
  }
  auto fd = open_path(path, follow ? O_PATH : O_PATH | O_NOFOLLOW);
  if (!fd) return std::unexpected(fd.error());
  return file_info(fd->get(), "");
}

Result<std::string> Tree::read_link(std::string_view path) const {
  auto entry = entry_at(path, EINVAL);
  if (!entry) return std::unexpected(entry.error());
  return link_target(entry->directory, entry->name.c_str());
}

Result<void> Tree::make_directory(std::string_view path) const {
  auto entry = entry_at(path, EEXIST);
  if (!entry) return std::unexpected(entry.error());
  if (::mkdirat(entry->directory, entry->name.c_str(), 0777) != 0) return fail("mkdir");
  return {};
}

Result<void> Tree::remove_directory(std::string_view path) const {
  auto entry = entry_at(path, EBUSY);
  if (!entry) return std::unexpected(entry.error());
  if (::unlinkat(entry->directory, entry->name.c_str(), AT_REMOVEDIR) != 0) return fail("rmdir");
  return {};
}

Result<void> Tree::remove_file(std::string_view path) const {
  auto entry = entry_at(path, EISDIR);
  if (!entry) return std::unexpected(entry.error());
  if (::unlinkat(entry->directory, entry->name.c_str(), 0) == 0) return {};
  const Error error = Error::last("unlink");
  // POSIX lets a file system say EPERM of a directory.
  if (error.code != EPERM) return std::unexpected(error);
  const auto there = file_info(entry->directory, entry->name.c_str());
  return fail("unlink", there && there->is_directory() ? EISDIR : EPERM);
}

Result<void> Tree::rename(std::string_view from, std::string_view to) const {
  auto source = entry_at(from, EBUSY);
  if (!source) return std::unexpected(source.error());
  auto target = entry_at(to, EBUSY);
  if (!target) return std::unexpected(target.error());
  if (::renameat(source->directory, source->name.c_str(), target->directory,
                 target->name.c_str()) != 0) {
    return fail("rename");
  }
  return {};
}

Result<Fd> Tree::open_any(std::string_view path, int flags) const {
  auto fd = open_path(path, flags);
  if (!fd) return fd;
  const auto there = file_info(fd->get(), "");
  if (!there) return std::unexpected(there.error());
  if (!there->is_regular() && !there->is_directory()) {
    return fail("open (not a regular file)", EINVAL);
  }
  return fd;
}

Result<void> Tree::set_mode(std::string_view path, mode_t mode) const {
  mode &= 07777;
  auto fd = open_any(path, O_PATH);
  if (!fd) return std::unexpected(fd.error());
  if (change_mode(fd->get(), mode)) return {};
  if (errno != ENOENT && errno != ENOTDIR) return fail("chmod");
  // An old kernel without /proc: what we may not read cannot be changed there.
  fd = open_any(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) return std::unexpected(fd.error());
  if (::fchmod(fd->get(), mode) != 0) return fail("fchmod");
  return {};
}

Result<void> Tree::set_modified(std::string_view path, timespec modified) const {
  const timespec times[2] = {{0, UTIME_OMIT}, modified};
  auto fd = open_any(path, O_PATH);
  if (!fd) return std::unexpected(fd.error());
  if (change_time(fd->get(), times)) return {};
  if (errno != ENOENT && errno != ENOTDIR) return fail("utimensat");
  fd = open_any(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) return std::unexpected(fd.error());
  if (::futimens(fd->get(), times) != 0) return fail("futimens");
  return {};
}

Result<Tree::Place> Tree::place_of(std::string_view path) const {
  std::string at(path);
  for (int links = 0; links <= kMaxLinks; ++links) {
    auto entry = entry_at(at, EISDIR);
    if (!entry) return std::unexpected(entry.error());
    auto target = link_target(entry->directory, entry->name.c_str());
    if (!target) {
      // EINVAL: not a link. ENOENT: nothing there yet.
      if (target.error().code != EINVAL && target.error().code != ENOENT) {
        return std::unexpected(target.error());
      }
      if (!entry->opened) {
        auto root = open_path("/", O_PATH | O_DIRECTORY);
        if (!root) return std::unexpected(root.error());
        entry->opened = std::move(*root);
      }
      return Place{Directory(std::move(entry->opened)), std::move(entry->name)};
    }
    // Not shortened: what `..` means in it is for the kernel to say, who knows the links before it.
    at = target->starts_with('/') ? *target : std::string(directory_part(at)) + *target;
    if (at.ends_with("/..") || at.ends_with("/.")) return fail("open", EISDIR);
  }
  return fail("open", ELOOP);
}

Result<std::uint64_t> Tree::free_bytes(std::string_view path) const {
  auto fd = open_path(path, O_PATH | O_DIRECTORY);
  if (!fd) return std::unexpected(fd.error());
  return Directory(std::move(*fd)).free_bytes();
}

bool Tree::read_only(std::string_view path) const {
  auto fd = open_path(path, O_PATH);
  struct statvfs status{};
  return fd && ::fstatvfs(fd->get(), &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
}

}  // namespace sluice::files
