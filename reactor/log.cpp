#include "reactor/log.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <utility>

#include "reactor/fd.h"
#include "reactor/printable.h"
#include "reactor/write_all.h"

namespace sluice {

namespace detail {
LogLevel log_level = LogLevel::info;
}

namespace {

constexpr std::string_view kNames[] = {"error", "warning", "info", "debug"};

Fd log_file;
std::string log_path;
std::uint64_t lost_lines = 0;  // since one was written last

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view name) {
  for (int i = 0; i < 4; ++i) {
    if (kNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

void set_log_level(LogLevel level) {
  detail::log_level = level;
}

Result<void> open_log(const std::string& path) {
  Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640));
  if (!file) return fail("open");
  log_file = std::move(file);
  log_path = path;
  return {};
}

Result<void> reopen_log() {
  return log_path.empty() ? Result<void>{} : open_log(log_path);
}

void detail::write_log_line(LogLevel level, std::string_view who, std::string_view message) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  tm local;
  localtime_r(&now.tv_sec, &local);
  char stamp[32];
  const std::size_t size = std::strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S ", &local);
  std::string line = concat(std::string_view(stamp, size), kNames[static_cast<int>(level)], ' ',
                            who, ": ", printable(message), '\n');
  // A log that cannot be written, on a full disk say or to a pipe that nobody empties, must not
  // stop the services: a pipe that is ready takes a whole line without waiting (pipe(7), PIPE_BUF).
  const int fd = log_file ? log_file.get() : STDERR_FILENO;
  pollfd room{fd, POLLOUT, 0};
  int ready;
  do {
    ready = poll(&room, 1, 0);
  } while (ready < 0 && errno == EINTR);
  if (ready != 1) {
    ++lost_lines;
    return;
  }
  if (lost_lines != 0) line.insert(0, concat(std::exchange(lost_lines, 0), " lines lost\n"));
  (void)write_all(fd, line);
}

}  // namespace sluice
