#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/reactor.h"
#include "tools/terminal/history.h"
#include "tools/terminal/line_editor.h"
#include "tools/terminal/raw_terminal.h"

namespace sluice::tools {

/// Who owns a Console hears of it here. It may call everything of the Console but destroy it.
class ConsoleHandler {
 public:
  virtual ~ConsoleHandler() = default;

  /// A line was entered, without its end. The Console asks for no other until ask().
  virtual void on_line(std::string line) noexcept = 0;
  /// The input has ended: ^D in an empty line, or the end of a pipe. No call follows.
  virtual void on_end() noexcept = 0;
  /// ^C while a line is typed: the line is given up; ask() begins another.
  virtual void on_interrupt() noexcept = 0;
  /// Tab: what could stand for the word before the cursor? Answered by Console::offer(), at once or
  /// later; never, when there is nothing.
  virtual void on_complete(std::string_view before_cursor) noexcept { (void)before_cursor; }
};

/// Standard input and output as a place where a person types lines: on a terminal with a
/// LineEditor, otherwise (a pipe, a file, a dumb terminal) plain lines and no prompt.
///
/// The terminal is in raw mode only between ask() and the line's end: while a command runs, ^C is
/// SIGINT as ever, and whatever is printed needs no care. Typed ahead is not lost. Not movable.
///
/// The destructor puts the terminal back as it was, so a program that is to end well while a line
/// is typed ends its loop on SIGTERM and SIGHUP instead of dying of them. On a terminal SIGWINCH
/// and SIGCONT of the Reactor are taken; ^Z stops the process group as ever. Neither descriptor is
/// made non-blocking, since other processes have them too: a terminal that takes no output blocks.
class Console final : public IoHandler {
 public:
  static constexpr std::size_t kMaxPlainBytes = 1024 * 1024;  ///< of a line that is not edited

  /// `history`, if any, outlives it; lines that are edited are added to it.
  Console(Reactor& reactor, ConsoleHandler& handler, History* history = nullptr);
  ~Console() override;
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  /// Whether lines are edited: both ends are a terminal that can do it.
  bool interactive() const;

  /// Shows the prompt and waits for a line; the handler gets it, never from inside this call.
  /// A plain line that is too long ends the input, with a word on standard error.
  void ask(std::string prompt);
  /// Gives up the line that is being typed, and takes it off the screen. No call follows.
  void cancel();

  /// The answer to on_complete(): each of `candidates` could stand for the text from byte `from` of
  /// what on_complete() was given to the cursor. Ignored when the line has changed meanwhile. One
  /// candidate is put in; of several their common beginning, and at the next Tab they are shown.
  void offer(std::size_t from, std::vector<std::string> candidates);

  /// Writes whole lines to standard output: above the line that is being typed, if one is.
  void print(std::string_view text);

  /// Columns of the terminal; 80 when there is none.
  std::size_t columns() const;

  void on_readable() noexcept override;

  enum class Asking { nothing, edited_line, plain_line };

  bool must_read() const;
  void take_soon();
  void begin_waiting();
  void stop_waiting();
  void read_piece();
  void take_typed();
  void take_edited();
  bool take_event(LineEditor::Event event);
  void take_plain();
  void end_of_sequence();
  void leave_terminal();
  void suspend();
  void resume();
  void end_input();
  void follow_size();
  void flush();

  Reactor& reactor_;
  ConsoleHandler& handler_;
  History* history_;
  bool interactive_;
  Asking asking_ = Asking::nothing;
  LineEditor editor_;
  RawTerminal terminal_;
  Watch watch_;
  Timer soon_;                // takes what has been typed ahead; reads on where there is no Watch
  Timer sequence_ends_;       // running while ESC may be a key of its own
  bool polled_ = false;       // standard input can only be read, not watched: a file
  bool ended_ = false;        // nothing more to be read
  std::string typed_;         // and not taken yet,
  std::size_t taken_ = 0;     // from here on;
  std::size_t searched_ = 0;  // up to here there is no line end
};

}  // namespace sluice::tools
