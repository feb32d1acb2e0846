#include "tools/terminal/line_editor.h"

#include <criterion/criterion.h>

#include <string>
#include <vector>

#include "tests/tools/desk.h"

using namespace sluice;
using namespace sluice::tools;

// --- keys
// -----------------------------------------------------------------------------------------

Test(line_editor, takes_what_is_typed_and_gives_the_line) {
  Desk desk;
  cr_expect(desk.type("hello\r") == Event::line);
  expect_text(desk.editor.take_line(), "hello");
  expect_text(desk.screen.row(0), "> hello");
  cr_expect(desk.screen.cursor_row() == 1 && desk.screen.cursor_column() == 0);
}

Test(line_editor, keeps_what_is_typed_after_the_end_of_the_line) {
  Desk desk;
  const LineEditor::Step step = desk.editor.feed("one\rtwo\r");
  cr_expect(step.event == Event::line && step.taken == 4);
}

Test(line_editor, moves_by_every_form_of_the_cursor_keys) {
  struct Case {
    const char* key;
    std::size_t cursor;
  };
  for (const Case& known : std::vector<Case>{{"\x1b[D", 6},
                                             {"\x1bOD", 6},
                                             {"\x02", 6},
                                             {"\x1b[D\x1b[D\x1b[C", 6},
                                             {"\x1b[H", 0},
                                             {"\x1bOH", 0},
                                             {"\x1b[1~", 0},
                                             {"\x1b[7~", 0},
                                             {"\x01", 0},
                                             {"\x01\x05", 7},
                                             {"\x01\x1b[F", 7},
                                             {"\x01\x1bOF", 7},
                                             {"\x01\x1b[4~", 7},
                                             {"\x01\x1b[8~", 7},
                                             {"\x01\x06", 1},
                                             {"\x1b"
                                              "b",
                                              4},
                                             {"\x1b[1;5D", 4},
                                             {"\x1b[1;3D", 4},
                                             {"\x1bOd", 4},
                                             {"\x01\x1b"
                                              "f",
                                              3},
                                             {"\x01\x1b[1;5C", 3},
                                             {"\x01\x1bOc", 3},
                                             {"\x1b[1;2D", 6}}) {
    Desk desk;
    desk.type("abc def");
    desk.type(known.key);
    desk.expect("abc def", known.cursor);
  }
}

Test(line_editor, erases_by_every_form_of_the_keys_for_it) {
  struct Case {
    const char* key;
    const char* line;
  };
  for (const Case& known : std::vector<Case>{{"\x7f", "ab cd.e"},
                                             {"\b", "ab cd.e"},
                                             {"\x01\x1b[3~", "b cd.ef"},
                                             {"\x01\x04", "b cd.ef"},
                                             {"\x1b[D\x0b", "ab cd.e"},
                                             {"\x1b[D\x15", "f"},
                                             {"\x17", "ab "},
                                             {"\x1b\x7f", "ab cd."},
                                             {"\x1b\b", "ab cd."},
                                             {"\x01\x1b"
                                              "d",
                                              " cd.ef"},
                                             {"\x01\x1b[3;5~", " cd.ef"},
                                             {"\x14", "ab cd.fe"},
                                             {"\x17\x01\x19", "cd.efab "}}) {
    Desk desk;
    desk.type("ab cd.ef");
    desk.type(known.key);
    expect_text(desk.editor.line(), known.line);
  }
}

Test(line_editor, moves_over_a_character_and_its_marks_at_once) {
  Desk desk;
  desk.type("e\u0301\u1112\u1161\u11ab한x");
  desk.type("\x1b[D\x1b[D");
  desk.expect("e\u0301\u1112\u1161\u11ab한x", 12);
  desk.type("\x1b[D");
  desk.expect("e\u0301\u1112\u1161\u11ab한x", 3);
  cr_expect(desk.screen.cursor_column() == 3);
  desk.type("\x7f");
  desk.expect("\u1112\u1161\u11ab한x", 0);
  desk.type("\x1b[3~");
  desk.expect("한x", 0);
}

Test(line_editor, understands_sequences_and_characters_cut_at_any_byte) {
  Desk desk;
  for (const char c : std::string("a한b\x1b[D\x1bOD\x1b[1;5C\x1b[200~p\nq\x1b[201~!")) {
    desk.type(std::string_view(&c, 1));
  }
  desk.expect("a한bp q!", 9);
}

Test(line_editor, swallows_sequences_that_mean_nothing_whole) {
  Desk desk;
  for (const char* sequence :
       {"\x1b[15~", "\x1b[[A", "\x1bOP", "\x1b[3$", "\x1b[<0;10;20M", "\x1b[?62;c", "\x1b[12;40R",
        "\x1b[I", "\x1b]11;rgb:0/0/0\a", "\x1bP1$r0m\x1b\\", "\x1bx", "\x1b[27;5;9~", "\x1b[1;5P",
        "\x1b[99999999999999999999999999999999999999999999999m"}) {
    desk.type(sequence);
    expect_text(desk.editor.line(), "");
  }
  desk.type("x");
  desk.expect("x", 1);
}

Test(line_editor, goes_on_after_a_sequence_that_is_cut_off_by_a_key) {
  Desk desk;
  desk.type("abc\x1b[1;");
  desk.type("\x01");
  desk.type("z");
  desk.expect("zabc", 1);
  desk.type("\x1b한");
  desk.expect("z한abc", 4);
  cr_expect(desk.type("\x1b[\r") == Event::line);
}

Test(line_editor, keeps_what_is_not_utf8_and_shows_a_sign_for_it) {
  Desk desk;
  desk.type("a\xff\xe2\x82z\xed\xa0\x80");
  desk.expect("a\xff\xe2\x82z\xed\xa0\x80", 8);
  expect_text(desk.screen.row(0), "> a??z???");
  desk.type("\x7f\x7f\x7f\x7f\x7f");
  desk.expect("a\xff", 2);
}

Test(line_editor, sends_no_control_character_of_a_line_to_the_terminal) {
  Desk desk;
  desk.type("x\t");
  desk.editor.offer(0, {"x\x1b[2J\u202e\u0085"});
  desk.show();
  expect_text(desk.editor.line(), "x\x1b[2J\u202e\u0085");
  expect_text(desk.screen.row(0), "> x?[2J??");
}

Test(line_editor, ends_by_control_d_in_an_empty_line_only) {
  Desk desk;
  cr_expect(desk.type("x\x01\x04") == Event::none);
  desk.expect("", 0);
  cr_expect(desk.type("\x04") == Event::end);
}

Test(line_editor, gives_the_line_up_on_control_c) {
  Desk desk;
  cr_expect(desk.type("some\x03") == Event::interrupt);
  expect_text(desk.screen.row(0), "> some^C");
  cr_expect(desk.screen.cursor_row() == 1 && desk.screen.cursor_column() == 0);
  desk.editor.begin("> ");
  desk.show();
  expect_text(desk.screen.row(1), ">");
  desk.expect("", 0);
}

Test(line_editor, takes_no_more_than_a_line_may_have) {
  Desk desk(80, 5);
  const std::string much(LineBuffer::kMaxBytes - 1, 'x');
  desk.type(much);
  desk.type("한");
  cr_expect(desk.editor.line().size() == LineBuffer::kMaxBytes - 1);
  desk.type("yz");
  cr_expect(desk.editor.line() == much + 'y');
}

// --- paste
// ----------------------------------------------------------------------------------------

Test(line_editor, enters_no_line_that_is_pasted) {
  Desk desk;
  cr_expect(desk.type("\x1b[200~one\r\ntwo\n\nthree\ttabs\x03\x04\x1b[31m\n\x1b[201~") ==
            Event::none);
  expect_text(desk.editor.line(), "one two three tabs");
  cr_expect(desk.type("\r") == Event::line);
}

Test(line_editor, ends_a_paste_though_it_holds_the_beginning_of_a_sequence) {
  Desk desk;
  desk.type("\x1b[200~a\x1b]b\x1b[31\x1b[201~\x01z");
  expect_text(desk.editor.line(), "za");
}

// --- history
// --------------------------------------------------------------------------------------

Test(line_editor, goes_through_the_history_and_keeps_the_line_half_typed) {
  Desk desk;
  desk.type("half");
  desk.type("\x1b[A");
  expect_text(desk.editor.line(), "get third.txt");
  desk.type("\x10\x1bOA\x1b[A");
  expect_text(desk.editor.line(), "get first.txt");
  desk.type("\x1b[B\x0e\x1b[B\x1b[B");
  desk.expect("half", 4);
}

Test(line_editor, searches_the_history_backwards) {
  Desk desk;
  desk.type("half\x12get");
  expect_text(desk.screen.row(0), "(search) 'get': get third.txt");
  cr_expect(desk.screen.cursor_column() == 16);
  desk.type("\x12");
  expect_text(desk.screen.row(0), "(search) 'get': get first.txt");
  desk.type("\x12");
  expect_text(desk.screen.row(0), "(not found) 'get': get first.txt");
  desk.type("\x7f\x7f\x7fsec");
  expect_text(desk.screen.row(0), "(search) 'sec': put second.txt");
  cr_expect(desk.type("\r") == Event::line);
  expect_text(desk.editor.take_line(), "put second.txt");
  expect_text(desk.screen.row(0), "> put second.txt");
}

Test(line_editor, gives_a_search_up_and_has_the_line_as_it_was) {
  Desk desk;
  desk.type("half\x1b[D\x12get\x07");
  desk.expect("half", 3);
  desk.type("\x12put\x1b");
  cr_expect(desk.editor.in_sequence());
  desk.editor.end_sequence();
  desk.show();
  desk.expect("half", 3);
  expect_text(desk.screen.row(0), "> half");
}

Test(line_editor, goes_on_editing_what_was_found) {
  Desk desk;
  desk.type("half\x12put\x1b[C");
  desk.expect("put second.txt", 1);
  desk.type("\x0e");
  desk.expect("get third.txt", 13);
  desk.type("\x0e");
  desk.expect("half", 4);
}

// --- above the line
// -------------------------------------------------------------------------------

Test(line_editor, leaves_a_given_up_line_that_ends_at_the_edge) {
  Desk desk(10);
  desk.type("12345678");
  desk.type("\x03");
  expect_text(desk.screen.row(0), "> 12345678");
  expect_text(desk.screen.row(1), "^C");
  cr_expect(desk.screen.cursor_row() == 2 && desk.screen.cursor_column() == 0);
}

Test(line_editor, prints_above_the_line_at_40_and_200_columns) {
  for (const std::size_t columns : {40, 200}) {
    Desk desk(columns, 10);
    std::string line;
    for (int i = 0; i < 30; ++i) line += "가나다";
    desk.type(line);
    desk.type("\x1b[D\x1b[D");
    for (int i = 0; i < 20; ++i) {
      desk.editor.print_above("message " + std::to_string(i) + "\nits second line\n");
      desk.show();
    }
    const std::size_t rows = columns == 40 ? 5 : 1;  // 2 and 180 columns of 40, or of 200
    expect_text(desk.screen.row(10 - rows - 2), "message 19");
    expect_text(desk.screen.row(10 - rows - 1), "its second line");
    cr_expect(desk.screen.row(10 - rows).starts_with("> 가나다"));
    cr_expect(desk.screen.cursor_row() == 9);
    cr_expect(desk.screen.cursor_column() == (columns == 40 ? 182 % 40 - 4 : 182 - 4));
  }
}

Test(line_editor, prints_above_in_one_piece_whatever_line_end_the_text_has) {
  Desk desk;
  desk.editor.print_above("no end");
  desk.editor.print_above("two\n\nlines\n");
  desk.show();
  expect_text(desk.screen.row(0), "no end");
  expect_text(desk.screen.row(3), "lines");
  expect_text(desk.screen.row(4), ">");
}
