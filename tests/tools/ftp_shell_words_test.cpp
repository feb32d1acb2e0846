#include <criterion/criterion.h>

#include <string>
#include <vector>

#include "tools/ftp/shell_commands.h"
#include "tools/ftp/shell_words.h"

using namespace sluice::tools;

namespace {

std::string joined(const auto& parts) {
  std::string text;
  for (const auto& part : parts) text += "<" + std::string(part) + ">";
  return text;
}

void expect_words(std::string_view line, const std::string& expected) {
  const auto words = split_words(line);
  cr_assert(words.has_value(), "no words in %.*s", static_cast<int>(line.size()), line.data());
  cr_expect(joined(*words) == expected, "%s", joined(*words).c_str());
}

void expect_commands(std::string_view line, const std::string& expected) {
  const std::string actual = joined(split_commands(line));
  cr_expect(actual == expected, "%s", actual.c_str());
}

void expect_open(std::string_view line, const std::string& before, const std::string& text,
                 std::size_t from, char quote) {
  const OpenWord word = open_word(line);
  cr_expect(joined(word.before) == before, "%s", joined(word.before).c_str());
  cr_expect(word.text == text, "%s", word.text.c_str());
  cr_expect(word.from == from, "%zu", word.from);
  cr_expect(word.quote == quote);
}

}  // namespace

Test(shell_words, are_parted_by_any_number_of_blanks) {
  expect_words("", "");
  expect_words(" \t ", "");
  expect_words("  get \t a  b\r", "<get><a><b>");
}

Test(shell_words, keep_the_blanks_that_are_quoted) {
  expect_words("get \"a b\" 'c  d' e\\ f", "<get><a b><c  d><e f>");
  expect_words("a\" b \"'c d'e", "<a b c de>");
}

Test(shell_words, may_be_empty_in_quotes) {
  expect_words("put \"\" ''", "<put><><>");
}

Test(shell_words, take_what_follows_a_backslash_as_it_is) {
  expect_words("\\\"a \\\\ \\'", "<\"a><\\><'>");
  expect_words("\"\\\" \\\\ \\n\"", "<\" \\ \\n>");
  expect_words("'\\'", "<\\>");
}

Test(shell_words, are_bytes_of_any_kind) {
  expect_words("get \xed\x95\x9c \xff", "<get><\xed\x95\x9c><\xff>");
}

Test(shell_words, are_none_where_a_quote_does_not_end) {
  cr_expect(!split_words("get \"a b"));
  cr_expect(!split_words("get 'a"));
  cr_expect(!split_words("'\\''"));
}

Test(shell_words, of_commands_are_parted_by_semicolons_outside_of_quotes) {
  expect_commands("cd a; ls;get b", "<cd a><ls><get b>");
  expect_commands(" ; ;; ", "");
  expect_commands("get \"a;b\";get 'c;d' ; get e\\;f", "<get \"a;b\"><get 'c;d' ><get e\\;f>");
}

Test(shell_words, of_a_comment_are_no_commands) {
  expect_commands("# ls; cd a", "");
  expect_commands("  ls; # cd a; pwd", "<ls>");
  expect_commands("get #1; cd a", "<get #1><cd a>");
}

Test(shell_words, that_are_being_typed_are_found) {
  expect_open("", "", "", 0, 0);
  expect_open("ge", "", "ge", 0, 0);
  expect_open("get ", "<get>", "", 4, 0);
  expect_open("get  a\\ b", "<get>", "a b", 5, 0);
  expect_open("get x \"a b", "<get><x>", "a b", 6, '"');
  expect_open("get 'a", "<get>", "a", 4, '\'');
  expect_open("cd a; get x", "<get>", "x", 10, 0);
  expect_open("cd a;", "", "", 5, 0);
}

Test(shell_words, that_are_quoted_are_read_as_what_they_were) {
  for (const std::string text : {"plain", "a b", "it's", "\"", "a;b", "#1", "back\\slash", "*?["}) {
    for (const char quote : {'\0', '"', '\''}) {
      const std::string typed = quoted(text, quote);
      expect_words("get " + typed, "<get><" + text + ">");
      cr_expect(split_commands(typed + ";x").size() == 2);
    }
  }
  cr_expect(quoted("a b/", '"', false) == "\"a b/");
}

Test(shell_commands, are_known_by_their_beginning_if_only_one_has_it) {
  const auto name_of = [](std::string_view name) {
    const auto command = find_shell_command(name);
    return command ? std::string((*command)->name) : std::string();
  };
  cr_expect(name_of("get") == "get");
  cr_expect(name_of("mk") == "mkdir");
  cr_expect(name_of("cd") == "cd", "not cdup");
  cr_expect(name_of("bi") == "bin", "bin and binary are one");
  cr_expect(name_of("?") == "?");
  cr_expect(name_of("p").empty());
  cr_expect(name_of("").empty());
  cr_expect(name_of("getx").empty());
}
