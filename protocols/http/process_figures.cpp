#include "protocols/http/process_figures.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string_view>

#include "reactor/fd.h"
#include "reactor/text.h"

namespace sluice::http {
namespace {

/// The second number of /proc/self/statm, in pages (proc_pid_statm(5)).
std::optional<std::uint64_t> read_resident_bytes() {
  const Fd file(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  char buffer[256];
  const ssize_t size = file ? ::read(file.get(), buffer, sizeof buffer) : -1;
  if (size <= 0) return std::nullopt;
  std::string_view text(buffer, static_cast<std::size_t>(size));
  text.remove_prefix(std::min(text.find(' ') + 1, text.size()));
  const auto pages = parse_number<std::uint64_t>(text.substr(0, text.find(' ')));
  if (!pages) return std::nullopt;
  return *pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

/// Since Linux 6.2 the directory's size is their number; before, they have to be counted.
std::optional<std::uint64_t> read_open_descriptors() {
  struct stat status{};
  if (::stat("/proc/self/fd", &status) != 0) return std::nullopt;
  if (status.st_size > 0) return static_cast<std::uint64_t>(status.st_size);
  const auto close = [](DIR* directory) { closedir(directory); };
  const std::unique_ptr<DIR, decltype(close)> directory(opendir("/proc/self/fd"));
  if (!directory) return std::nullopt;
  std::uint64_t count = 0;
  while (const dirent* entry = readdir(directory.get())) count += entry->d_name[0] != '.';
  return count - 1;  // without the one that looks
}

}  // namespace

ProcessFigures ProcessFigures::read() {
  ProcessFigures figures;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
    figures.cpu += std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  }
  figures.resident_bytes = read_resident_bytes();
  figures.open_descriptors = read_open_descriptors();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    figures.max_descriptors = limit.rlim_cur;
  }
  return figures;
}

}  // namespace sluice::http
