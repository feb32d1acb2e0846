#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/terminal/history.h"
#include "tools/terminal/key_reader.h"
#include "tools/terminal/line_buffer.h"
#include "tools/terminal/line_painter.h"

namespace sluice::tools {

/// What a person does to a line, and how it is shown: bytes of the keyboard in, bytes for the
/// terminal out. Knows no descriptor and no clock.
///
///   (begin  feed*  (line | end | interrupt | cancel))*
///
/// After each call take_output() gives what is to be written. The terminal is to turn the bytes of
/// no key into signals, and "\r\n" into what it is.
class LineEditor {
 public:
  enum class Event {
    none,
    line,       ///< entered; taken by take_line()
    end,        ///< ^D in an empty line
    interrupt,  ///< ^C
    suspend,    ///< ^Z: leave() and stop; redraw() when going on
    complete,   ///< Tab: ask for candidates, then offer(), or not
  };
  struct Step {
    std::size_t taken;  ///< bytes; what is left is for the next feed()
    Event event;
  };

  /// `history`, if any, outlives it; lines are not added here.
  explicit LineEditor(const History* history = nullptr) : history_(history) {}

  /// Begins a line where the cursor is, at the beginning of a row.
  void begin(std::string prompt);
  bool active() const { return active_; }
  /// Takes bytes up to the first event. To be called while a line is edited only.
  Step feed(std::string_view bytes);
  /// Whether it takes time to tell what the last bytes were: half a second later, end_sequence().
  bool in_sequence() const { return keys_.in_sequence(); }
  Event end_sequence();

  /// Ends the line and takes it off the screen.
  void cancel();
  /// The cursor goes below the line, which is to be left alone; redraw() shows it anew.
  void leave();
  void redraw();

  /// The terminal has got another size. May be called at any time.
  void resize(std::size_t columns, std::size_t rows);
  /// Whole lines for above the line.
  void print_above(std::string_view text);
  /// See Console::offer().
  void offer(std::size_t from, std::vector<std::string> candidates);

  const std::string& line() const { return buffer_.text(); }
  /// A byte of line().
  std::size_t cursor() const { return buffer_.cursor(); }
  std::string take_line();
  std::string take_output();

 private:
  struct Search {
    LineBuffer wanted;
    std::size_t found;  // of the history; its size: the line as it was
    bool failed = false;
    std::string line_before;
    std::size_t cursor_before;
  };

  Event take(Key& key);
  Event take_in_line(Key& key);
  void edit(KeyKind kind);
  void keep(std::string taken);
  Event finish(Event event, std::string_view mark);
  void go_through_history(bool older);
  void begin_search();
  std::optional<Event> take_in_search(const Key& key);
  void look_for(std::size_t before);
  void paint();
  std::string shown_prompt() const;

  const History* history_;
  KeyReader keys_;
  LineBuffer buffer_;
  LinePainter painter_;
  std::size_t columns_ = 80, rows_ = 24;
  std::string prompt_, line_, output_, yanked_;
  bool active_ = false;
  bool changed_ = false;  // since it was painted

  std::size_t place_ = 0;  // in the history; its size: the new line
  std::string new_line_;
  std::optional<Search> search_;
  bool asked_ = false;                   // for candidates, and nothing has changed since
  std::vector<std::string> candidates_;  // several, for the next Tab to show
};

}  // namespace sluice::tools
