#include "tools/terminal/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "reactor/text.h"
#include "reactor/write_all.h"

namespace sluice::tools {
namespace {

using namespace std::chrono_literals;
using Event = LineEditor::Event;

constexpr int kInput = STDIN_FILENO, kOutput = STDOUT_FILENO;
constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::size_t kFallbackColumns = 80, kFallbackRows = 24;
constexpr auto kSequenceTime = 500ms;  // long enough for a sequence that a slow line cuts in two

bool can_edit() {
  const char* const kind = std::getenv("TERM");
  return isatty(kInput) == 1 && isatty(kOutput) == 1 && kind && *kind != '\0' &&
         std::string_view(kind) != "dumb";
}

winsize terminal_size() {
  winsize size{};
  if (ioctl(kOutput, TIOCGWINSZ, &size) < 0) size = {};
  if (size.ws_col == 0) size.ws_col = kFallbackColumns;
  if (size.ws_row == 0) size.ws_row = kFallbackRows;
  return size;
}

}  // namespace

Console::Console(Reactor& reactor, ConsoleHandler& handler, History* history)
    : reactor_(reactor),
      handler_(handler),
      history_(history),
      interactive_(can_edit()),
      editor_(history),
      terminal_(kInput, kOutput),
      soon_(reactor.timer([this] { take_soon(); })),
      sequence_ends_(reactor.timer([this] { end_of_sequence(); })) {
  if (!interactive_) return;
  // Without them lines are edited all the same.
  (void)reactor_.on_signal(SIGWINCH, [this] { flush(); });
  (void)reactor_.on_signal(SIGCONT, [this] { resume(); });
}

Console::~Console() {
  if (!interactive_) return;
  (void)reactor_.on_signal(SIGWINCH, [] {});
  (void)reactor_.on_signal(SIGCONT, [] {});
  if (asking_ != Asking::edited_line) return;
  follow_size();
  editor_.leave();
  leave_terminal();
}

bool Console::interactive() const {
  return interactive_;
}

std::size_t Console::columns() const {
  return terminal_size().ws_col;
}

void Console::ask(std::string prompt) {
  cancel();
  asking_ = Asking::plain_line;
  if (interactive_) {
    asking_ = Asking::edited_line;
    if (!terminal_.enter()) ended_ = true;
    follow_size();
    editor_.begin(std::move(prompt));
    flush();
  }
  begin_waiting();
}

void Console::cancel() {
  if (asking_ == Asking::edited_line) {
    follow_size();
    editor_.cancel();
    leave_terminal();
  }
  stop_waiting();
}

void Console::offer(std::size_t from, std::vector<std::string> candidates) {
  if (asking_ != Asking::edited_line) return;
  editor_.offer(from, std::move(candidates));
  flush();
}

void Console::print(std::string_view text) {
  if (text.empty()) return;
  if (asking_ == Asking::edited_line) {
    follow_size();
    editor_.print_above(text);
    return flush();
  }
  (void)write_all(kOutput, text.ends_with('\n') ? std::string(text) : concat(text, '\n'));
}

// --- what is read
// ---------------------------------------------------------------------------------

/// Whether what has been read holds nothing to be taken.
bool Console::must_read() const {
  if (interactive_) return taken_ == typed_.size();
  return typed_.find('\n', std::max(taken_, searched_)) == std::string::npos;
}

void Console::begin_waiting() {
  if (ended_ || polled_ || !must_read()) return soon_.start(0s);
  Result<Watch> watch = reactor_.watch(kInput, Interest::read, *this);
  if (watch) {
    watch_ = std::move(*watch);
    return;
  }
  // A file and /dev/null are always ready, which epoll_ctl(2) refuses to say.
  (watch.error().code == EPERM ? polled_ : ended_) = true;
  soon_.start(0s);
}

void Console::stop_waiting() {
  asking_ = Asking::nothing;
  watch_.reset();
  soon_.stop();
  sequence_ends_.stop();
}

void Console::take_soon() {
  if (polled_ && !ended_ && must_read()) read_piece();
  take_typed();
  if (asking_ != Asking::nothing && !watch_) begin_waiting();
}

void Console::on_readable() noexcept {
  read_piece();
  take_typed();
}

void Console::read_piece() {
  typed_.erase(0, taken_);
  searched_ -= std::min(searched_, std::exchange(taken_, 0));
  const std::size_t size = typed_.size();
  typed_.resize(size + kPieceBytes);
  const ssize_t got = read(kInput, typed_.data() + size, kPieceBytes);
  const bool again = got < 0 && (errno == EINTR || errno == EAGAIN);
  typed_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got <= 0 && !again) ended_ = true;
}

void Console::take_typed() {
  if (asking_ == Asking::edited_line) return take_edited();
  if (asking_ == Asking::plain_line) take_plain();
}

void Console::end_input() {
  stop_waiting();
  handler_.on_end();
}

void Console::take_plain() {
  const std::size_t end = typed_.find('\n', std::max(taken_, searched_));
  if (end == std::string::npos) searched_ = typed_.size();
  const std::size_t size = std::min(end, typed_.size()) - taken_;
  if (size > kMaxPlainBytes) {
    (void)write_all(STDERR_FILENO, "a line of the input is longer than 1 MiB: reading ends here\n");
    ended_ = true;
    taken_ = typed_.size();
    return end_input();
  }
  if (end == std::string::npos && !ended_) return;
  if (end == std::string::npos && size == 0) return end_input();
  std::string line = typed_.substr(taken_, size);
  if (line.ends_with('\r')) line.pop_back();
  taken_ = std::min(taken_ + size + 1, typed_.size());
  stop_waiting();
  handler_.on_line(std::move(line));
}

// --- lines that are edited
// ------------------------------------------------------------------------

void Console::take_edited() {
  while (asking_ == Asking::edited_line && taken_ < typed_.size()) {
    const LineEditor::Step step = editor_.feed(std::string_view(typed_).substr(taken_));
    taken_ += step.taken;
    if (!take_event(step.event)) return;
  }
  if (asking_ != Asking::edited_line) return;
  if (ended_) return (void)take_event(Event::end);
  flush();
  if (editor_.in_sequence()) {
    sequence_ends_.start(kSequenceTime);
  } else {
    sequence_ends_.stop();
  }
}

/// Whether the line goes on.
bool Console::take_event(LineEditor::Event event) {
  switch (event) {
    case Event::none:
      return true;
    case Event::suspend:
      suspend();
      return true;
    case Event::complete: {
      flush();
      const std::string before(std::string_view(editor_.line()).substr(0, editor_.cursor()));
      handler_.on_complete(before);
      return true;
    }
    default:
      break;
  }
  leave_terminal();
  stop_waiting();
  if (event == Event::end) handler_.on_end();
  if (event == Event::interrupt) handler_.on_interrupt();
  if (event == Event::line) {
    std::string line = editor_.take_line();
    if (history_) history_->add(line);
    handler_.on_line(std::move(line));
  }
  return false;
}

void Console::end_of_sequence() {
  if (take_event(editor_.end_sequence())) flush();
}

void Console::suspend() {
  follow_size();
  editor_.leave();
  leave_terminal();
  (void)kill(0, SIGTSTP);
  resume();  // here at once where the system lets nobody be stopped
}

void Console::resume() {
  if (asking_ != Asking::edited_line) return;
  if (!terminal_.enter()) ended_ = true;
  editor_.redraw();
  flush();
}

void Console::leave_terminal() {
  (void)write_all(kOutput, editor_.take_output());
  terminal_.leave();
}

/// Asked for each time: a resize may have happened of which the signal is still to come.
void Console::follow_size() {
  const winsize size = terminal_size();
  editor_.resize(size.ws_col, size.ws_row);
}

void Console::flush() {
  follow_size();
  const std::string output = editor_.take_output();
  if (!output.empty()) (void)write_all(kOutput, output);
}

}  // namespace sluice::tools
