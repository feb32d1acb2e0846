#include "protocols/files/directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <array>

#include "protocols/files/name.h"
#include "protocols/files/new_file.h"
#include "protocols/files/open_in_root.h"

namespace sluice::files {
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
  return detail::open_file_in_root(fd_.get(), std::string(name).c_str(), O_RDONLY);
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
  while (::fsync(readable.get()) != 0) {
    if (errno != EINTR) return fail("fsync");
  }
  return {};
}

}  // namespace sluice::files
