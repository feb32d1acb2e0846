// Reads a directory and, unless only names are wanted, what there is to know of each entry, again
// and again: the system calls of a listing, with neither text nor network. The baseline of LIST,
// MLSD and NLST.
//
// Usage: raw_list DIRECTORY SECONDS [--names]
//
// Prints `done=N per_second=X cpu=S`: listings, their rate, and the CPU seconds of all of them.

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

constexpr std::size_t kBlockBytes = 32 * 1024;
alignas(dirent64) char block[kBlockBytes];

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void look_at(int directory, long bytes) {
  for (long at = 0; at < bytes;) {
    const auto* entry = reinterpret_cast<const dirent64*>(block + at);
    struct statx about;
    constexpr int kFlags = AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC;
    if (statx(directory, entry->d_name, kFlags, STATX_BASIC_STATS, &about) != 0) die("statx");
    at += entry->d_reclen;
  }
}

void list(const char* name, bool names_only) {
  const int directory = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) die(name);
  for (long bytes; (bytes = syscall(SYS_getdents64, directory, block, sizeof block)) != 0;) {
    if (bytes < 0) die("getdents64");
    if (!names_only) look_at(directory, bytes);
  }
  close(directory);
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: raw_list DIRECTORY SECONDS [--names]\n");
    return 2;
  }
  const bool names_only = argc > 3 && std::string_view(argv[3]) == "--names";
  const double limit = std::strtod(argv[2], nullptr), before = cpu_seconds();
  const auto begin = std::chrono::steady_clock::now();
  std::chrono::duration<double> passed{};
  int done = 0;
  do {
    list(argv[1], names_only);
    ++done;
    passed = std::chrono::steady_clock::now() - begin;
  } while (passed.count() < limit);
  std::printf("done=%d per_second=%.1f cpu=%.6f\n", done, done / passed.count(),
              cpu_seconds() - before);
}
