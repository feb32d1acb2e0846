#include "protocols/multicast/sink.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "reactor/log.h"
#include "reactor/text.h"
#include "reactor/write_all.h"

namespace sluice::multicast {
namespace {

constexpr std::string_view kWho = "multicast";

/// All of the pieces, however often the call has to be made.
Result<void> write_pieces(int fd, std::span<iovec> pieces) {
  while (!pieces.empty()) {
    ssize_t written = writev(fd, pieces.data(), static_cast<int>(pieces.size()));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail("write");
    while (!pieces.empty() && static_cast<std::size_t>(written) >= pieces.front().iov_len) {
      written -= static_cast<ssize_t>(pieces.front().iov_len);
      pieces = pieces.subspan(1);
    }
    if (pieces.empty()) break;
    pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + written;
    pieces.front().iov_len -= static_cast<std::size_t>(written);
  }
  return {};
}

}  // namespace

// --- a file --------------------------------------------------------------------------------------

std::expected<std::unique_ptr<FileSink>, std::string> FileSink::open(const std::string& path) {
  // A FIFO that nobody reads would hold us for ever.
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666));
  if (!file) return std::unexpected(Error::last("open").message(path));
  return std::unique_ptr<FileSink>(new FileSink(path, std::move(file)));
}

void FileSink::take(std::span<const Received> batch) noexcept {
  std::array<iovec, sluice::limits::kDatagramBatch> pieces;
  std::size_t count = 0;
  for (const Received& one : batch) {
    if (one.bytes.empty()) continue;
    pieces[count++] = {const_cast<std::byte*>(one.bytes.data()), one.bytes.size()};
  }
  const auto written = write_pieces(file_.get(), std::span(pieces).first(count));
  if (written) {
    if (error_) log(LogLevel::info, kWho, "writing to ", path_, " works again");
    error_ = {};
    return;
  }
  if (!error_) log(LogLevel::error, kWho, written.error().message(path_));
  error_ = written.error();
  dropped_ += count;
}

// --- a program -----------------------------------------------------------------------------------

ProgramSink::ProgramSink(Reactor& reactor, std::string command, Framing framing)
    : reactor_(&reactor),
      program_(reactor, std::move(command), [this](int status) { ended(status); }),
      framing_(framing) {}

std::expected<void, std::string> ProgramSink::start() {
  if (auto started = program_.start(); !started) {
    return std::unexpected(started.error().message(program_.command()));
  }
  return {};
}

void ProgramSink::ended(int wait_status) {
  ended_ = reactor_->now();
  if (finishing_) {
    if (on_finished_) on_finished_();
    return;
  }
  if (on_ended_) return on_ended_(wait_status);
  log(LogLevel::warning, kWho, program_.command(), " ", how_ended(wait_status),
      "; the next datagram starts it again");
}

/// Whether it runs, started again if need be.
bool ProgramSink::ready() {
  if (program_.running()) return true;
  if (finishing_ || on_ended_ || reactor_->now() - ended_ < limits::kProgramPause) return false;
  if (auto started = program_.start(); !started) {
    ended_ = reactor_->now();
    log(LogLevel::error, kWho, started.error().message(program_.command()));
  }
  return program_.running();
}

void ProgramSink::take(std::span<const Received> batch) noexcept {
  (void)ready();
  for (const Received& one : batch) {
    const std::string_view text = as_text(one.bytes);
    program_.input().put(text, ending(framing_, text));
  }
  program_.input().flush();
}

void ProgramSink::finish() {
  finishing_ = true;
  program_.end_input();
}

void ProgramSink::abort() {
  finishing_ = true;
  program_.input().close();
  program_.terminate();
}

// --- the log, and others -------------------------------------------------------------------------

void LogSink::take(std::span<const Received> batch) noexcept {
  if (!logs(LogLevel::info)) return;
  const TimePoint now = reactor_->now();
  if (now - since_ >= std::chrono::seconds(1)) {
    finish();
    since_ = now;
    lines_ = 0;
  }
  for (const Received& one : batch) {
    if (++lines_ > limits::kLogLines) {
      ++left_out_;
      continue;
    }
    std::string_view text = as_text(one.bytes);
    if (text.ends_with('\n')) text.remove_suffix(1);
    const bool cut = text.size() > limits::kLogBytes;
    log(LogLevel::info, kWho, one.from, ": ", text.substr(0, limits::kLogBytes),
        cut ? concat(" … (", text.size(), " bytes)") : std::string());
  }
}

void LogSink::finish() {
  if (left_out_ != 0) log(LogLevel::info, kWho, std::exchange(left_out_, 0), " more are not shown");
}

void CallSink::take(std::span<const Received> batch) noexcept {
  for (const Received& one : batch) say_(as_text(one.bytes));
}

}  // namespace sluice::multicast
