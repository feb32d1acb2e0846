#include "tools/terminal/history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "reactor/fd.h"
#include "reactor/text.h"
#include "reactor/write_all.h"

namespace sluice::tools {
namespace {

constexpr std::size_t kMaxFileBytes = 16 * 1024 * 1024;  // what is larger is no history of ours

Result<std::string> contents(int fd) {
  std::string text;
  std::array<char, 65536> piece;
  while (text.size() <= kMaxFileBytes) {
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail("read");
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return fail("read", EFBIG);
}

/// Every folder above `path`, for its owner only, as the XDG base directory specification has it.
Result<void> make_folders(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    if (mkdir(path.substr(0, slash).c_str(), 0700) < 0 && errno != EEXIST) return fail("mkdir");
  }
  return {};
}

Result<void> write_new(const std::string& path, const std::string& text) {
  const Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return fail("open");
  if (fchmod(file.get(), 0600) < 0) return fail("fchmod");
  return write_all(file.get(), text);
}

}  // namespace

void History::add(std::string line) {
  if (line.empty() || line.find('\n') != std::string::npos) return;
  if (!lines_.empty() && lines_.back() == line) return;
  if (lines_.size() == kMaxLines) lines_.erase(lines_.begin());
  lines_.push_back(std::move(line));
}

Result<void> History::load(const std::string& path) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file && errno == ENOENT) return {};
  if (!file) return fail("open");
  const Result<std::string> text = contents(file.get());
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    add(std::string(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

Result<void> History::save(const std::string& path) const {
  if (Result<void> made = make_folders(path); !made) return made;
  std::string text;
  for (const std::string& line : lines_) text += concat(line, '\n');
  const std::size_t name = path.rfind('/') + 1;  // npos + 1 is 0
  const std::string hidden = concat(path.substr(0, name), '.', path.substr(name), '.', getpid());
  Result<void> written = write_new(hidden, text);
  if (written && rename(hidden.c_str(), path.c_str()) < 0) written = fail("rename");
  if (!written) unlink(hidden.c_str());
  return written;
}

std::string history_path(std::string_view name) {
  const char* const state = std::getenv("XDG_STATE_HOME");
  if (state && *state == '/') return concat(std::string_view(state), "/sluice/", name, "_history");
  const char* const home = std::getenv("HOME");
  if (!home || *home == '\0') return {};
  return concat(std::string_view(home), "/.local/state/sluice/", name, "_history");
}

}  // namespace sluice::tools
