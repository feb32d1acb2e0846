#include "protocols/chat/transcript.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "reactor/log.h"
#include "reactor/text.h"

namespace sluice::chat {
namespace {

/// More held than this gains nothing, and there may be many rooms.
constexpr std::size_t kMaxHeld = 64 * 1024;

/// O_NONBLOCK: to open a pipe or a device that lies there instead must not stop the server.
constexpr int kFlags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

bool ends_within_line(int fd, off_t size) {
  char last = '\n';
  return size > 0 && ::pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

}  // namespace

Transcript::Transcript(std::string_view directory, std::string_view room)
    : path_(concat(directory, '/', room, ".log")) {}

Result<void> Transcript::open_file() {
  Fd file(::open(path_.c_str(), kFlags, 0600));
  if (!file) return fail("open");
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail("fstat");
  if (!S_ISREG(status.st_mode)) return fail("open", ENOTSUP);
  torn_ = ends_within_line(file.get(), status.st_size);
  file_ = std::move(file);
  return {};
}

void Transcript::add(std::string_view line) {
  said_ = true;
  hold(line);
  if (held_.size() >= kMaxHeld) flush();
}

void Transcript::note(std::string_view line) {
  if (!said_ && held_.size() >= kMaxHeld) held_.clear();
  hold(line);
  if (held_.size() >= kMaxHeld) flush();
}

void Transcript::hold(std::string_view line) {
  const time_t now = ::time(nullptr);
  if (now != stamped_) {
    tm local{};
    ::localtime_r(&now, &local);
    char stamp[32];
    stamp_.assign(stamp, ::strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S ", &local));
    stamped_ = now;
  }
  held_ += stamp_;
  held_ += line;
}

void Transcript::flush() {
  if (held_.empty() || !said_) return;
  const auto written = write_held();
  held_.clear();
  if (written.has_value() != failing_) return;
  failing_ = !failing_;
  if (failing_) {
    log(LogLevel::error, "chat", "transcript: ", written.error().message(path_),
        "; lines of it are lost");
  } else {
    log(LogLevel::info, "chat", "transcript ", path_, " is written again");
  }
}

Result<void> Transcript::write_held() {
  if (!file_) {
    if (auto opened = open_file(); !opened) return opened;
  }
  if (torn_) held_.insert(0, 1, '\n');
  std::string_view rest = held_;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail("write");
    if (written == 0) return fail("write", EIO);
    torn_ = rest[static_cast<std::size_t>(written) - 1] != '\n';
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

void Transcript::reopen() {
  flush();
  if (!file_) return;
  if (auto opened = open_file(); !opened) {
    log(LogLevel::error, "chat", "transcript: ", opened.error().message(path_),
        "; the old file is kept");
  }
}

}  // namespace sluice::chat
