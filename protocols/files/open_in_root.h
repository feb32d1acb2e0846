#pragma once

#include <sys/types.h>

#include "reactor/error.h"
#include "reactor/fd.h"

/// Inside of Directory and Tree.
namespace sluice::files::detail {

/// Opens `path` as in a chroot of `directory`: `..` and links, absolute ones too, stay within
/// (openat2(2), RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS). `flags` are those of open(2), O_CLOEXEC
/// added; `mode` counts with O_CREAT only.
///
/// Where openat2 is missing the components are opened one by one: then links give ELOOP, except a
/// last one with O_PATH | O_NOFOLLOW, and `..` gives ENOSYS.
Result<Fd> open_in_root(int directory, const char* path, int flags, mode_t mode = 0);

/// The same for a regular file. Never waits for the other end of a FIFO. EISDIR for a directory,
/// EINVAL for whatever else is not a regular file (ENXIO for some).
Result<Fd> open_file_in_root(int directory, const char* path, int flags, mode_t mode = 0);

}  // namespace sluice::files::detail
