#include "protocols/files/directory.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include <array>

#include "protocols/files/name.h"
#include "protocols/files/new_file.h"

namespace sluice::files {
namespace {

/// openat2 gives EAGAIN when a rename elsewhere crosses its way through `..`; a try costs little.
constexpr int kOpenTries = 32;

constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

int open_in_root(int directory, const char* name) {
  open_how how{};
  how.flags = kReadFlags;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  int fd = -1;
  for (int i = 0; i < kOpenTries; ++i) {
    fd = static_cast<int>(::syscall(SYS_openat2, directory, name, &how, sizeof how));
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return fd;
}

}  // namespace

Result<Directory> Directory::open(const std::string& path) {
  Fd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail("open");
  return Directory(std::move(fd));
}

Result<void> Directory::check_writable() const {
  auto probe = NewFile::create(*this);
  if (!probe) return std::unexpected(probe.error());
  const std::array<std::byte, 1> one{};
  return probe->write(one);
}

Result<Fd> Directory::open_read(std::string_view name) const {
  if (name.find('\0') != name.npos) return fail("the name has a NUL in it", EINVAL);
  const std::string text(name);
  Fd fd(open_in_root(fd_.get(), text.c_str()));
  // Some container runtimes answer EPERM for a system call that they do not know.
  if (!fd && (errno == ENOSYS || errno == EPERM) && check_component(name)) {
    fd.reset(::openat(fd_.get(), text.c_str(), kReadFlags | O_NOFOLLOW));
  }
  if (!fd) return fail("open");
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail("fstat");
  if (S_ISDIR(status.st_mode)) return fail("open", EISDIR);
  if (!S_ISREG(status.st_mode)) return fail("open (not a regular file)", EINVAL);
  return fd;
}

bool Directory::exists(std::string_view name) const {
  if (!check_component(name)) return false;
  struct stat status{};
  const std::string text(name);
  return ::fstatat(fd_.get(), text.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

Result<std::uint64_t> Directory::free_bytes() const {
  struct statvfs status{};
  if (::fstatvfs(fd_.get(), &status) != 0) return fail("fstatvfs");
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

Result<void> Directory::remove(std::string_view name) const {
  if (auto component = check_component(name); !component) return component;
  if (::unlinkat(fd_.get(), std::string(name).c_str(), 0) != 0) return fail("unlink");
  return {};
}

Result<void> Directory::sync() const {
  const Fd readable(::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable) return fail("open");
  if (::fsync(readable.get()) != 0) return fail("fsync");
  return {};
}

}  // namespace sluice::files
