#include "protocols/ftp/pattern.h"

#include <criterion/criterion.h>
#include <fnmatch.h>

#include <random>
#include <string>

using sluice::ftp::matches;

namespace {

std::string random_text(std::mt19937& random, std::string_view letters, unsigned most) {
  std::string text(random() % (most + 1), ' ');
  for (char& c : text) c = letters[random() % letters.size()];
  return text;
}

/// All brackets have an end: where one has none, fnmatch(3) of glibc differs from one to the other.
std::string random_pattern(std::mt19937& random) {
  std::string pattern;
  for (auto left = random() % 6; left != 0; --left) {
    const std::string_view letters = "aabc**?]!-[";
    const char c = letters[random() % letters.size()];
    pattern += c;
    if (c != '[') continue;
    const std::string members = random_text(random, "aabc]!-[", 4);
    pattern += members.empty() || members == "!" ? "!a" : members;
    pattern += ']';
  }
  return pattern;
}

std::string repeat(std::string_view what, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += what;
  return text;
}

}  // namespace

Test(ftp_pattern, fits_the_whole_name_and_not_a_part_of_it) {
  cr_expect(matches("name", "name"));
  cr_expect(!matches("name", "names") && !matches("names", "name"));
  cr_expect(!matches("ame", "name") && !matches("nam", "name") && !matches("Name", "name"));
}

Test(ftp_pattern, an_empty_pattern_fits_an_empty_name_only) {
  cr_expect(matches("", ""));
  cr_expect(!matches("", "a") && !matches("a", "") && !matches("?", "") && !matches("[a]", ""));
}

Test(ftp_pattern, a_star_is_any_number_of_bytes) {
  cr_expect(matches("*", "") && matches("**", "") && matches("*", "anything"));
  cr_expect(matches("*.txt", ".txt") && matches("*.txt", "a.txt.txt"));
  cr_expect(matches("a*c", "ac") && matches("a*c", "abcbc") && !matches("a*c", "abcb"));
  cr_expect(matches("*ab*ab*", "xabyabz") && !matches("*ab*ab*", "xaby"));
}

Test(ftp_pattern, a_question_mark_is_one_byte_whatever_it_is) {
  cr_expect(matches("?", "a") && matches("?", "\xff") && matches("?", "?"));
  cr_expect(!matches("?", "") && !matches("?", "ab"));
  cr_expect(matches("??", "\xc3\xa9"), "bytes, not characters");
  cr_expect(matches("?", std::string_view("\0", 1)));
}

Test(ftp_pattern, brackets_are_one_of_several) {
  cr_expect(matches("[abc]", "b") && !matches("[abc]", "d") && !matches("[abc]", "abc"));
  cr_expect(matches("[a-c]", "b") && !matches("[a-c]", "d") && !matches("[c-a]", "b"));
  cr_expect(matches("[!a-c]", "d") && !matches("[!a-c]", "b") && !matches("[!a-c]", ""));
  cr_expect(matches("[]]", "]") && matches("[!]]", "a") && !matches("[!]]", "]"));
  cr_expect(matches("[a-]", "-") && matches("[-a]", "-") && !matches("[a-]", "b"));
  cr_expect(matches("[*?]", "*") && !matches("[*?]", "a"));
  cr_expect(matches("[\x80-\xff]", "\xa0") && !matches("[\x80-\xff]", "a"), "bytes have no sign");
}

Test(ftp_pattern, a_bracket_that_nothing_ends_is_itself) {
  cr_expect(matches("[", "[") && matches("[a", "[a") && matches("a[", "a["));
  cr_expect(matches("[!", "[!") && matches("[]", "[]") && matches("[!]", "[!]"));
  cr_expect(!matches("[a", "a") && !matches("[", "") && !matches("[", "]"));
  cr_expect(matches("*[", "ab[") && matches("[?", "[x"));
}

Test(ftp_pattern, nothing_else_has_a_meaning) {
  cr_expect(matches("\\*", "\\anything") && !matches("\\a", "a"));
  cr_expect(matches("{a,b}", "{a,b}") && !matches("{a,b}", "a"));
  cr_expect(matches("*", ".hidden") && matches("a*b", "a/b"), "the caller leaves those out");
}

Test(ftp_pattern, agrees_with_fnmatch) {
  std::mt19937 random(1971);
  int fitting = 0;
  for (int i = 0; i < 300'000; ++i) {
    const std::string pattern = random_pattern(random);
    const std::string name = random_text(random, "aabc[]!-", 6);
    const bool fits = ::fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
    if (matches(pattern, name) != fits) {
      cr_assert_fail("'%s' and '%s'", pattern.c_str(), name.c_str());
    }
    fitting += fits;
  }
  cr_assert(fitting > 10'000 && fitting < 290'000, "%d fit", fitting);
}

/// To try every way takes longer than the universe has been there; fnmatch(3) does so.
Test(ftp_pattern, ends_whatever_the_pattern_is, .timeout = 60) {
  const std::string name(255, 'a');
  cr_expect(!matches("*a*a*a*a*a*b", name));
  cr_expect(!matches(repeat("*a", 100) + "b", name));
  cr_expect(!matches(repeat("*?", 100) + "b", name));
  cr_expect(!matches(repeat("*[!b]", 40) + "b", name));
  cr_expect(!matches(std::string(199, '*') + "b", name));
  cr_expect(matches(repeat("*a", 100), name));
  cr_expect(!matches(repeat("[", 200), name));
  cr_expect(!matches(repeat("*[", 100), name));
}
