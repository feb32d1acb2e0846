#pragma once

#include <sys/stat.h>
#include <time.h>

#include <cstdint>

#include "reactor/error.h"

namespace sluice::files {

/// What is known of a file without opening it (statx(2)).
struct FileInfo {
  mode_t mode = 0;  ///< type and permission bits, as st_mode
  std::uint64_t size = 0;
  timespec modified{};
  std::uint32_t owner = 0;
  std::uint32_t group = 0;
  std::uint32_t links = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  bool is_regular() const { return (mode & S_IFMT) == S_IFREG; }
  bool is_directory() const { return (mode & S_IFMT) == S_IFDIR; }
  bool is_link() const { return (mode & S_IFMT) == S_IFLNK; }
};

/// Of the entry `name` of `directory`; a link is not followed. An empty name means `directory`
/// itself, which may be a descriptor of any file then (AT_EMPTY_PATH). A network file system
/// answers with what it knows already (AT_STATX_DONT_SYNC).
Result<FileInfo> file_info(int directory, const char* name);

/// What this process may do with a file by its mode alone, as access(2) says it for the effective
/// user, but without a system call: the user and the groups are those at the first call. Read-only
/// file systems and ACLs are not seen.
struct Access {
  bool read = false, write = false, execute = false;
};
Access access_of(const FileInfo& info);

}  // namespace sluice::files
