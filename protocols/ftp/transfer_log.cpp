#include "protocols/ftp/transfer_log.h"

#include <fcntl.h>
#include <time.h>

#include <algorithm>
#include <chrono>

#include "reactor/log.h"
#include "reactor/text.h"
#include "reactor/write_all.h"

namespace sluice::ftp {
namespace {

std::string one_word(std::string_view text) {
  std::string word(text.empty() ? "_" : text);
  std::ranges::replace_if(word, [](unsigned char c) { return c <= 0x20 || c == 0x7f; }, '_');
  return word;
}

}  // namespace

Result<void> TransferLog::open(const std::string& path) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640));
  if (!file) return fail("open");
  file_ = std::move(file);
  path_ = path;
  return {};
}

Result<void> TransferLog::reopen() {
  return path_.empty() ? Result<void>() : open(path_);
}

void TransferLog::write(const TransferEntry& entry) {
  if (!file_) return;
  const std::string line = format_transfer(entry, ::time(nullptr)) + '\n';
  if (auto written = write_all(file_.get(), line); !written) {
    log(LogLevel::error, "ftp", written.error().message(path_));
  }
}

std::string format_transfer(const TransferEntry& entry, time_t now) {
  tm local{};
  ::localtime_r(&now, &local);
  char date[32];
  const std::size_t size = ::strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", &local);
  const auto seconds = std::chrono::round<std::chrono::seconds>(entry.took).count();
  return concat(std::string_view(date, size), ' ', std::max<decltype(seconds)>(seconds, 1), ' ',
                one_word(entry.peer.host()), ' ', entry.bytes, ' ', one_word(entry.path), ' ',
                entry.ascii ? 'a' : 'b', " _ ", entry.upload ? 'i' : 'o', ' ',
                entry.anonymous ? 'a' : 'r', ' ', one_word(entry.user), " ftp 0 * ",
                entry.complete ? 'c' : 'i');
}

}  // namespace sluice::ftp
