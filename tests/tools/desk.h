#pragma once

#include <criterion/criterion.h>

#include <string>
#include <string_view>
#include <utility>

#include "tests/tools/screen.h"
#include "tools/terminal/line_editor.h"

namespace sluice::tools {

using Event = LineEditor::Event;

inline void expect_text(std::string_view actual, std::string_view expected) {
  cr_expect(actual == expected, "expected '%s', got '%s'", std::string(expected).c_str(),
            std::string(actual).c_str());
}

/// An editor with a history of three lines and a terminal that shows what it sends.
struct Desk {
  explicit Desk(std::size_t columns = 40, std::size_t rows = 24, std::string prompt = "> ")
      : screen(columns, rows), editor(&history) {
    for (const char* line : {"get first.txt", "put second.txt", "get third.txt"}) history.add(line);
    editor.resize(columns, rows);
    editor.begin(std::move(prompt));
    show();
  }

  void show() { screen.write(editor.take_output()); }

  /// Feeds all of it; the last event.
  Event type(std::string_view bytes) {
    Event last = Event::none;
    while (!bytes.empty()) {
      const LineEditor::Step step = editor.feed(bytes);
      bytes.remove_prefix(step.taken);
      if (step.event != Event::none) last = step.event;
      if (!editor.active()) break;
    }
    show();
    return last;
  }

  void expect(std::string_view line, std::size_t cursor) {
    expect_text(editor.line(), line);
    cr_expect(editor.cursor() == cursor, "cursor %zu, not %zu in '%s'", editor.cursor(), cursor,
              editor.line().c_str());
  }

  History history;
  Screen screen;
  LineEditor editor;
};

}  // namespace sluice::tools
