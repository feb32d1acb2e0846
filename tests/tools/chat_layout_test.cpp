#include <criterion/criterion.h>

#include <random>
#include <string>
#include <vector>

#include "tools/chat/layout.h"
#include "tools/terminal/char_width.h"

using namespace sluice;
using namespace sluice::tools;

namespace {

std::vector<std::string> rows_of(std::string_view text, std::size_t columns, std::size_t indent) {
  std::vector<std::string> rows;
  for (const Row& row : wrap_rows(text, columns, indent)) {
    rows.emplace_back(text.substr(row.begin, row.end - row.begin));
  }
  return rows;
}

void expect_rows(std::string_view text, std::size_t columns, std::size_t indent,
                 const std::vector<std::string>& wanted) {
  const std::vector<std::string> rows = rows_of(text, columns, indent);
  std::string shown;
  for (const std::string& row : rows) shown += "|" + row + "|";
  cr_expect(rows == wanted, "%s", shown.c_str());
}

std::string without(std::string text, char what) {
  std::erase(text, what);
  return text;
}

std::string laid_out(std::string_view line, std::size_t columns, Colours colours) {
  return lay_out(read_message(line), "13:02", columns, colours);
}

}  // namespace

Test(chat_layout, wraps_between_words) {
  expect_rows("one two three", 40, 4, {"one two three"});
  expect_rows("one two three", 8, 2, {"one two", "three"});
  expect_rows("one two three four", 7, 0, {"one two", "three", "four"});
  expect_rows("", 8, 2, {""});
}

Test(chat_layout, drops_the_blanks_at_a_break_only) {
  expect_rows("one   two", 4, 0, {"one", "two"});
  expect_rows("a  b  c", 10, 0, {"a  b  c"});
  expect_rows("one two   ", 7, 0, {"one two"});
}

Test(chat_layout, wraps_between_wide_characters) {
  expect_rows("안녕하세요 여러분", 10, 0, {"안녕하세요", "여러분"});
  expect_rows("안녕하세요", 7, 2, {"안녕하", "세요"});
  expect_rows("안녕하세요", 5, 1, {"안녕", "하세", "요"});
}

Test(chat_layout, begins_no_row_with_punctuation) {
  expect_rows("안녕하세요!", 10, 0, {"안녕하세", "요!"});
  expect_rows("日本語。です", 6, 0, {"日本", "語。で", "す"});
  expect_rows("그는 「네", 7, 0, {"그는", "「네"});
}

Test(chat_layout, cuts_a_word_that_is_longer_than_a_row) {
  expect_rows("see abcdefghijkl ok", 8, 2, {"see abcd", "efghij", "kl ok"});
  expect_rows("ab cdefgh", 6, 0, {"ab", "cdefgh"});
}

Test(chat_layout, keeps_marks_with_their_character) {
  expect_rows("e\u0301e\u0301e\u0301e\u0301", 2, 0, {"e\u0301e\u0301", "e\u0301e\u0301"});
}

Test(chat_layout, loses_nothing_and_stays_within_the_columns) {
  std::mt19937 random(7);
  const std::vector<std::string> parts = {"a",
                                          "word",
                                          " ",
                                          "  ",
                                          "한",
                                          "국어",
                                          "!",
                                          "。",
                                          "「",
                                          "(e",
                                          "😀",
                                          "e\u0301",
                                          "abcdefghijklmnop"};
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (auto left = random() % 30; left > 0; --left) text += parts[random() % parts.size()];
    const std::size_t columns = 2 + random() % 30, indent = random() % columns;
    const std::size_t later = columns - indent;
    std::string all;
    const auto rows = rows_of(text, columns, indent);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const std::size_t most = std::max<std::size_t>(row == 0 ? columns : later, 2);
      cr_assert_leq(columns_of(rows[row]), most, "%s", rows[row].c_str());
      all += rows[row];
    }
    cr_assert_eq(without(all, ' '), without(text, ' '), "%s", text.c_str());
  }
}

Test(chat_layout, hangs_rows_below_the_time) {
  cr_expect_eq(laid_out("ann: one two three four five", 24, Colours::none),
               "13:02 ann: one two three\n      four five\n");
  cr_expect_eq(laid_out("ann: one two", 11, Colours::none), "13:02 ann:\none two\n");
}

Test(chat_layout, shows_kinds_of_messages_in_their_own_way) {
  const std::string dim = "\x1b[2m", plain = "\x1b[0m";
  cr_expect_eq(laid_out("* ann joined", 80, Colours::basic),
               dim + "13:02 " + plain + dim + "* " + plain + dim + "ann joined" + plain + "\n");
  const std::string whisper = laid_out("ann (private): psst", 80, Colours::many);
  cr_expect(whisper.find("\x1b[3m (private): ") != whisper.npos);
  cr_expect(whisper.find("\x1b[38;5;") != whisper.npos);
  cr_expect_eq(laid_out("ann (private): psst", 80, Colours::none), "13:02 ann (private): psst\n");
}

Test(chat_layout, gives_a_nick_one_colour_whatever_its_case) {
  const auto colour = [](std::string_view nick) {
    const std::string line = laid_out(std::string(nick) + ": x", 80, Colours::many);
    const std::size_t begin = line.find("38;5;");
    return line.substr(begin, line.find('m', begin) - begin);
  };
  cr_expect_eq(colour("ann"), colour("ANN"));
  std::vector<std::string> colours;
  for (const char* nick : {"ann", "bob", "cyd", "민수", "영희", "dora", "emil", "fred"}) {
    colours.push_back(colour(nick));
  }
  std::ranges::sort(colours);
  const auto same = std::ranges::unique(colours);
  cr_expect_geq(colours.size() - same.size(), 5, "eight nicks share too few colours");
}

Test(chat_layout, takes_colours_from_the_environment) {
  unsetenv("NO_COLOR");
  unsetenv("COLORTERM");
  setenv("TERM", "xterm", 1);
  cr_expect(colours_of_environment() == Colours::basic);
  setenv("TERM", "tmux-256color", 1);
  cr_expect(colours_of_environment() == Colours::many);
  setenv("NO_COLOR", "1", 1);
  cr_expect(colours_of_environment() == Colours::none);
  unsetenv("NO_COLOR");
  setenv("TERM", "dumb", 1);
  cr_expect(colours_of_environment() == Colours::none);
}
