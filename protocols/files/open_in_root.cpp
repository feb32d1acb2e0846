#include "protocols/files/open_in_root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <string>
#include <string_view>

namespace sluice::files::detail {
namespace {

/// openat2 gives EAGAIN when a rename elsewhere crosses its way through `..`; a try costs little.
constexpr int kOpenTries = 32;

bool is_link(int directory, const char* name) {
  struct stat status{};
  return ::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0 &&
         S_ISLNK(status.st_mode);
}

Result<Fd> open_component(int directory, const std::string& name, int flags, mode_t mode) {
  if (name == "..") return fail("openat2", ENOSYS);
  Fd fd(::openat(directory, name.c_str(), flags | O_NOFOLLOW, mode));
  if (!fd) {
    // With O_DIRECTORY a link is told to be no directory.
    const int code = errno;
    const bool loop =
        code == ENOTDIR && (flags & O_NOFOLLOW) == 0 && is_link(directory, name.c_str());
    return fail("open", loop ? ELOOP : code);
  }
  if ((flags & (O_PATH | O_NOFOLLOW)) == O_PATH && is_link(fd.get(), "")) {
    return fail("open", ELOOP);
  }
  return fd;
}

Result<Fd> open_by_component(int directory, std::string_view path, int flags, mode_t mode) {
  Fd parent;
  for (;;) {
    const std::size_t begin = path.find_first_not_of('/');
    if (begin == path.npos) return open_component(directory, path.empty() ? "" : ".", flags, mode);
    path.remove_prefix(begin);
    const std::size_t end = path.find('/');
    const std::string name(path.substr(0, end));
    if (end == path.npos) return open_component(directory, name, flags, mode);
    auto next = open_component(directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (!next) return next;
    parent = std::move(*next);
    directory = parent.get();
    path.remove_prefix(end);
  }
}

}  // namespace

Result<Fd> open_in_root(int directory, const char* path, int flags, mode_t mode) {
  flags |= O_CLOEXEC;
  open_how how{};
  // open(2) adds O_LARGEFILE by itself, openat2 does not, and refuses it beside O_PATH.
  how.flags = static_cast<unsigned>((flags & O_PATH) != 0 ? flags : flags | O_LARGEFILE);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (int i = 0; i < kOpenTries; ++i) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof how)));
    if (fd) return fd;
    if (errno != EAGAIN && errno != EINTR) break;
  }
  // Some container runtimes answer EPERM for a system call that they do not know.
  if (errno != ENOSYS && errno != EPERM) return fail("open");
  return open_by_component(directory, path, flags, mode);
}

Result<Fd> open_file_in_root(int directory, const char* path, int flags, mode_t mode) {
  auto fd = open_in_root(directory, path, flags | O_NONBLOCK | O_NOCTTY, mode);
  if (!fd || (flags & O_EXCL) != 0) return fd;  // what was made just now is a regular file
  struct stat status{};
  if (::fstat(fd->get(), &status) != 0) return fail("fstat");
  if (S_ISDIR(status.st_mode)) return fail("open", EISDIR);
  if (!S_ISREG(status.st_mode)) return fail("open (not a regular file)", EINVAL);
  return fd;
}

}  // namespace sluice::files::detail
