#include <criterion/criterion.h>

#include <string>
#include <vector>

#include "tests/tools/desk.h"
#include "tools/terminal/candidates.h"

using namespace sluice;
using namespace sluice::tools;

Test(completion, puts_in_a_single_candidate) {
  Desk desk;
  cr_expect(desk.type("get fi\t") == Event::complete);
  desk.editor.offer(4, {"first.txt "});
  desk.show();
  desk.expect("get first.txt ", 14);
}

Test(completion, puts_in_the_common_beginning_and_shows_all_at_the_next_tab) {
  Desk desk;
  desk.type("get a/\t");
  desk.editor.offer(4, {"a/한글1", "a/한글20", "a/한글300"});
  desk.show();
  expect_text(desk.editor.line(), "get a/한글");
  cr_expect(desk.type("\t") == Event::none);
  expect_text(desk.screen.row(0), "한글1    한글20   한글300");
  expect_text(desk.screen.row(1), "> get a/한글");
  cr_expect(desk.type("x\t") == Event::complete, "asked anew");
}

Test(completion, ignores_candidates_for_a_line_that_has_changed) {
  Desk desk;
  desk.type("get fi\tx");
  desk.editor.offer(4, {"first.txt"});
  expect_text(desk.editor.line(), "get fix");
}

Test(completion, never_shortens_the_word_by_what_candidates_have_in_common) {
  Desk desk;
  desk.type("get fi\t");
  desk.editor.offer(4, {"first", "Final"});
  expect_text(desk.editor.line(), "get fi");
}

Test(completion, shows_a_few_of_very_many_candidates) {
  Desk desk(80, 24);
  std::vector<std::string> many;
  many.reserve(100000);
  for (int i = 0; i < 100000; ++i) many.push_back("name" + std::to_string(i));
  desk.type("n\t");
  desk.editor.offer(0, many);
  desk.type("\t");
  expect_text(desk.screen.row(22), "and 99800 more");
  expect_text(desk.screen.row(23), "> name");
}

Test(completion, cuts_what_is_common_between_two_characters) {
  cr_expect(common_beginning({"한글", "한긂"}) == "한");
  cr_expect(common_beginning({"e\u0301x", "e\u0300x"}).empty());
  cr_expect(common_beginning({"abc", "ab"}) == "ab");
}

Test(completion, lists_in_columns_and_shows_no_control_character) {
  cr_expect(list_candidates({"a", "b", "c", "d", "e"}, 7) == "a  c  e\nb  d\n");
  cr_expect(list_candidates({"x/\x1b[2J", "x/y"}, 80) == "\\x1b[2J  y\n");
  cr_expect(list_candidates({"wider than the screen", "b"}, 5) == "wider than the screen\nb\n");
}
