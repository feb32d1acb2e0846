#include "protocols/files/file_info.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace sluice::files {
namespace {

constexpr int kFlags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

/// fstatat(2), for kernels before 4.11 and container runtimes that do not know statx.
Result<FileInfo> old_file_info(int directory, const char* name) {
  struct stat status{};
  if (::fstatat(directory, name, &status, kFlags) != 0) return fail("fstatat");
  FileInfo info;
  info.mode = status.st_mode;
  info.size = static_cast<std::uint64_t>(status.st_size);
  info.modified = status.st_mtim;
  info.owner = status.st_uid;
  info.group = status.st_gid;
  info.links = static_cast<std::uint32_t>(status.st_nlink);
  info.device = status.st_dev;
  info.inode = status.st_ino;
  return info;
}

struct Identity {
  uid_t user = ::geteuid();
  gid_t group = ::getegid();
  std::vector<gid_t> others;

  Identity() {
    const int count = ::getgroups(0, nullptr);
    others.resize(static_cast<std::size_t>(std::max(count, 0)));
    if (::getgroups(count, others.data()) < 0) others.clear();
  }

  bool in(gid_t asked) const {
    return asked == group || std::find(others.begin(), others.end(), asked) != others.end();
  }
};

}  // namespace

Result<FileInfo> file_info(int directory, const char* name) {
  struct statx status;
  if (::statx(directory, name, kFlags | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &status) != 0) {
    if (errno == ENOSYS || errno == EPERM) return old_file_info(directory, name);
    return fail("statx");
  }
  FileInfo info;
  info.mode = status.stx_mode;
  info.size = status.stx_size;
  info.modified.tv_sec = static_cast<time_t>(status.stx_mtime.tv_sec);
  info.modified.tv_nsec = static_cast<long>(status.stx_mtime.tv_nsec);
  info.owner = status.stx_uid;
  info.group = status.stx_gid;
  info.links = status.stx_nlink;
  info.device = makedev(status.stx_dev_major, status.stx_dev_minor);
  info.inode = status.stx_ino;
  return info;
}

Access access_of(const FileInfo& info) {
  static const Identity me;
  if (me.user == 0) return {true, true, info.is_directory() || (info.mode & 0111) != 0};
  // The first class that fits decides, even when a later one would allow more (path_resolution(7)).
  const mode_t bits = info.owner == me.user ? info.mode >> 6
                      : me.in(info.group)   ? info.mode >> 3
                                            : info.mode;
  return {(bits & 4) != 0, (bits & 2) != 0, (bits & 1) != 0};
}

}  // namespace sluice::files
