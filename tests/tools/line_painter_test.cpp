#include <criterion/criterion.h>

#include <random>
#include <string>
#include <vector>

#include "tests/tools/screen.h"
#include "tools/terminal/line_editor.h"

using namespace sluice;
using namespace sluice::tools;

namespace {

/// How prompt and line are to be wrapped: rows without blanks at their end, and the cursor.
struct Wrapped {
  std::vector<std::string> rows{""};
  std::size_t row = 0, column = 0;

  Wrapped(std::string_view prompt, std::string_view line, std::size_t cursor, std::size_t columns) {
    const std::string all = std::string(prompt) + std::string(line);
    std::size_t used = 0, at = 0;
    while (true) {
      Cluster next{0, 1};
      if (at < all.size()) next = first_cluster(std::string_view(all).substr(at));
      std::string shown = all.substr(at, next.bytes);
      if (next.columns > columns) shown = "?", next.columns = 1;
      if (used + next.columns > columns) {
        rows.emplace_back();
        used = 0;
      }
      if (at == prompt.size() + cursor) row = rows.size() - 1, column = used;
      if (at >= all.size()) break;
      rows.back() += shown;
      used += next.columns;
      at += next.bytes;
    }
    for (std::string& text : rows) text.resize(text.find_last_not_of(' ') + 1);
  }
};

const std::vector<std::string> kKeys = {
    "a", "b ", "한", "글자", "e\u0301", "😀", "\u1112\u1161\u11ab",
    // Backspace, left, right, home, end, delete, then ^W ^K ^U ^Y ^T, words, history, search.
    "\x7f", "\x1b[D", "\x1b[C", "\x1b[H", "\x1b[F", "\x1b[3~", "\x17", "\x0b", "\x15", "\x19",
    "\x14", "\033b", "\033f", "\033d", "\x1b[A", "\x1b[B", "\022e", "\x07",
    "한국어 긴 문장을 여러 줄로 쓴다", "a line of some words", "\x1b[200~pasted\ntext\x1b[201~"};

std::string some_key(std::mt19937& random) {
  return kKeys[random() % kKeys.size()];
}

/// The line as it is while no search shows another prompt.
struct Typist {
  Typist(std::size_t columns, std::size_t rows, unsigned seed)
      : random(seed), screen(columns, rows), editor(&history) {
    for (const char* line :
         {"get e", "한글 파일 이름이 길다 한글 파일 이름이 길다", "e", "put 한e"}) {
      history.add(line);
    }
    editor.resize(columns, rows);
    editor.begin(prompt);
    screen.write(editor.take_output());
  }

  void press(const std::string& key) {
    const LineEditor::Step step = editor.feed(key);
    cr_assert(step.taken == key.size());
    cr_assert(step.event == LineEditor::Event::none);
    screen.write(editor.take_output());
    if (key[0] == '\x12') press("\x05");  // takes what was found
  }

  std::mt19937 random;
  std::string prompt = "ftp> ";
  History history;
  Screen screen;
  LineEditor editor;
};

void expect_screen(const Typist& typist, std::size_t columns, std::size_t first_row) {
  const Wrapped want(typist.prompt, typist.editor.line(), typist.editor.cursor(), columns);
  const std::vector<std::string> have = typist.screen.text();
  for (std::size_t i = 0; i + first_row < have.size(); ++i) {
    const std::string wanted = i < want.rows.size() ? want.rows[i] : "";
    cr_assert(have[first_row + i] == wanted, "%zu columns, row %zu: '%s' instead of '%s'", columns,
              i, have[first_row + i].c_str(), wanted.c_str());
  }
  cr_assert(typist.screen.cursor_row() == first_row + want.row &&
                typist.screen.cursor_column() == want.column,
            "%zu columns: the cursor is at %zu, %zu instead of %zu, %zu", columns,
            typist.screen.cursor_row(), typist.screen.cursor_column(), first_row + want.row,
            want.column);
  cr_assert(!typist.screen.waits());
}

}  // namespace

Test(line_painter, shows_prompt_and_line_wrapped_at_every_width_after_every_key) {
  for (std::size_t columns = 1; columns <= 80; ++columns) {
    Typist typist(columns, 1000, static_cast<unsigned>(columns));
    for (int i = 0; i < 300; ++i) {
      typist.press(some_key(typist.random));
      expect_screen(typist, columns, 0);
      if (typist.editor.line().size() > 300) typist.press("\x05\x15");
    }
  }
}

Test(line_painter, keeps_the_line_below_what_is_printed_at_every_width) {
  for (std::size_t columns = 1; columns <= 80; ++columns) {
    Typist typist(columns, 1000, static_cast<unsigned>(columns) + 100);
    for (std::size_t i = 0; i < 100; ++i) {
      typist.editor.print_above(std::string(1, static_cast<char>('A' + i % 26)));
      typist.press(some_key(typist.random));
      expect_screen(typist, columns, i + 1);
      for (std::size_t row = 0; row <= i; ++row) {
        cr_assert(typist.screen.row(row)[0] == static_cast<char>('A' + row % 26));
      }
      if (typist.editor.line().size() > 300) typist.press("\x05\x15");
    }
  }
}

Test(line_painter, scrolls_when_the_line_grows_at_the_bottom_of_the_screen) {
  for (std::size_t columns = 8; columns <= 30; ++columns) {
    Typist typist(columns, 60, static_cast<unsigned>(columns));
    for (int i = 0; i < 58; ++i) typist.editor.print_above("above");
    for (int i = 0; i < 200; ++i) {
      typist.press(some_key(typist.random));
      const std::size_t above = 58 - typist.screen.scrolled();
      expect_screen(typist, columns, above);
      for (std::size_t row = 0; row < above; ++row) cr_assert(typist.screen.row(row) == "above");
      if (typist.editor.line().size() > 300) typist.press("\x05\x15");
    }
  }
}

Test(line_painter, shows_the_part_around_the_cursor_of_what_is_taller_than_the_screen) {
  for (std::size_t columns = 1; columns <= 20; ++columns) {
    for (std::size_t rows = 1; rows <= 5; ++rows) {
      Typist typist(columns, rows, static_cast<unsigned>(columns * 10 + rows));
      for (int i = 0; i < 150; ++i) {
        if (i % 10 == 9) typist.editor.print_above("above");
        typist.press(some_key(typist.random));
        const Wrapped want(typist.prompt, typist.editor.line(), typist.editor.cursor(), columns);
        const std::vector<std::string> have = typist.screen.text();
        const std::size_t at = typist.screen.cursor_row();
        cr_assert(typist.screen.cursor_column() == want.column && !typist.screen.waits());
        for (std::size_t row = 0; row < rows && want.rows.size() > rows; ++row) {
          cr_assert(want.row + row >= at && want.row + row - at < want.rows.size());
          const std::string& wanted = want.rows[want.row + row - at];
          cr_assert(have[row] == wanted, "%zu by %zu: '%s' instead of '%s'", columns, rows,
                    have[row].c_str(), wanted.c_str());
        }
        cr_assert(have[at] == want.rows[want.row]);
        if (typist.editor.line().size() > 300) typist.press("\x05\x15");
      }
    }
  }
}

Test(line_painter, sends_only_what_is_typed_at_the_end_of_the_line) {
  LineEditor editor;
  editor.resize(80, 24);
  editor.begin("> ");
  cr_expect(editor.take_output() == "> ");
  editor.feed("a한");
  cr_expect(editor.take_output() == "a한");
  editor.feed("\x1b[D");
  cr_expect(editor.take_output() == "\r\x1b[3C");
  editor.feed("\x07");
  cr_expect(editor.take_output().empty());
}

Test(line_painter, begins_no_row_twice_when_a_line_that_ends_at_the_edge_is_entered) {
  Typist typist(10, 10, 1);
  typist.press("12345");
  cr_expect(typist.screen.cursor_row() == 1 && typist.screen.cursor_column() == 0);
  typist.editor.feed("\r");
  typist.screen.write(typist.editor.take_output());
  cr_expect(typist.screen.cursor_row() == 1 && typist.screen.cursor_column() == 0);
}

Test(line_painter, shows_the_line_whatever_bytes_come) {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    Typist typist(seed % 30 + 1, 400, seed);
    for (int i = 0; i < 200; ++i) {
      std::string bytes;
      for (std::size_t left = typist.random() % 8; left > 0; --left) {
        bytes += static_cast<char>(typist.random() % 3 ? typist.random() : '[' - 64 * (left & 1));
      }
      for (std::string_view rest = bytes; !rest.empty();) {
        const LineEditor::Step step = typist.editor.feed(rest);
        rest.remove_prefix(step.taken);
        if (!typist.editor.active()) typist.editor.begin("");
      }
      typist.screen.write(typist.editor.take_output());
      cr_assert(!typist.screen.waits());
    }
  }
}
