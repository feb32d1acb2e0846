#include "protocols/files/name.h"

#include <criterion/criterion.h>

#include <string>
#include <string_view>

using namespace sluice::files;
using namespace std::string_literals;

namespace {

void expect_refused(const std::string& name, std::string_view why, int code = EINVAL) {
  const auto result = check_name(name, false);
  cr_assert(!result, "allowed: %s", printable(name).c_str());
  cr_expect(why == result.error().operation, "%s: %s", printable(name).c_str(),
            result.error().operation);
  cr_expect_eq(result.error().code, code);
}

void expect_shown(const std::string& text, const std::string& expected) {
  const std::string shown = printable(text);
  cr_expect_str_eq(shown.c_str(), expected.c_str());
}

}  // namespace

Test(name, allows_what_people_call_their_files) {
  const std::string long_name(255, 'x');
  for (const auto& name : {"a"s, "photo 1.jpg"s, "..."s, "a..b"s, "x."s, "gr\u00fc\u00dfe.txt"s,
                           "back\\slash"s, "-rf"s, "\xff\xfe"s, "C:"s, "..a"s, long_name}) {
    const bool hidden_allowed = name[0] == '.';
    cr_expect(check_name(name, hidden_allowed).has_value(), "%s", printable(name).c_str());
  }
}

Test(name, refuses_each_bad_name_with_a_reason_of_its_own) {
  expect_refused("", "the name is empty");
  expect_refused(".", "the name is . or ..");
  expect_refused("..", "the name is . or ..");
  expect_refused("/etc/passwd", "the name has a / in it");
  expect_refused("../x", "the name has a / in it");
  expect_refused("x/", "the name has a / in it");
  expect_refused("a\0b"s, "the name has a NUL in it");
  expect_refused("\0"s, "the name has a NUL in it");
  expect_refused("two\nlines", "the name has a control character in it");
  expect_refused("\r", "the name has a control character in it");
  expect_refused("\x1b[2J", "the name has a control character in it");
  expect_refused("rub\x7fout", "the name has a control character in it");
  expect_refused("\x1f", "the name has a control character in it");
  expect_refused(".profile", "the name begins with a dot");
  expect_refused(std::string(256, 'x'), "the name is over 255 bytes long", ENAMETOOLONG);
}

Test(name, allows_a_leading_dot_only_when_asked_to) {
  cr_expect(check_name(".profile", true).has_value());
  cr_expect(check_name("...", true).has_value());
  cr_expect(!check_name(".", true));
  cr_expect(!check_name("..", true));
  cr_expect(!check_name(".a\nb", true));
}

Test(name, keeps_the_names_of_unfinished_files_to_itself) {
  const auto result = check_name(".sluice-0123456789abcdef.part", true);
  cr_assert(!result);
  cr_expect(result.error().operation == "the name is kept for unfinished files"s);
}

Test(name, knows_the_names_of_unfinished_files) {
  cr_expect(is_temporary_name(".sluice-0123456789abcdef.part"));
  cr_expect(is_temporary_name(".sluice-0123456789abcdef0123456789abcdef.part"));
  for (const char* other :
       {"", ".sluice-.part", ".sluice-0123456789abcde.part", ".sluice-0123456789ABCDEF.part",
        "sluice-0123456789abcdef.part", ".sluice-0123456789abcdef.par", ".sluice-.par", ".sluice-",
        ".part", ".sluice-0123456789abcdef0.part", ".sluice-0123456789abcdeg.part"}) {
    cr_expect(!is_temporary_name(other), "%s", other);
  }
}

Test(name, lets_a_component_be_whatever_the_disk_can_hold) {
  cr_expect(check_component("two\nlines").has_value());
  cr_expect(check_component(".hidden").has_value());
  cr_expect(!check_component("a/b"));
  cr_expect(!check_component(".."));
  cr_expect(!check_component(""));
  cr_expect(!check_component("a\0b"s));
}

Test(printable, leaves_text_as_it_is) {
  expect_shown("", "");
  expect_shown("plain ~ text\\", "plain ~ text\\");
  expect_shown("gr\u00fc\u00dfe \u4f60\u597d \U0001f600",
               "gr\u00fc\u00dfe \u4f60\u597d \U0001f600");
  expect_shown("\u00a0\u0800\ud7ff\ue000\U00010000\U0010ffff",
               "\u00a0\u0800\ud7ff\ue000\U00010000\U0010ffff");
}

Test(printable, shows_control_characters_as_bytes) {
  expect_shown("a\nb\r\t", "a\\x0ab\\x0d\\x09");
  expect_shown("\x1b[31m", "\\x1b[31m");
  expect_shown("\0"s, "\\x00");
  expect_shown("\x7f", "\\x7f");
  expect_shown("\u0080\u009b", "\\xc2\\x80\\xc2\\x9b");
}

Test(printable, shows_what_turns_the_direction_of_text_as_bytes) {
  expect_shown("x\u202egpj.exe", "x\\xe2\\x80\\xaegpj.exe");
  for (const char* control :
       {"\u061c", "\u200e", "\u200f", "\u2028", "\u202a", "\u2066", "\u2069"}) {
    cr_expect(printable(control).starts_with("\\x"), "%s", control);
  }
  expect_shown("\u200d\u2027\u202f\u2065\u206a", "\u200d\u2027\u202f\u2065\u206a");
}

Test(printable, shows_what_is_not_utf_8_as_bytes) {
  expect_shown("\xff", "\\xff");
  expect_shown("\x80", "\\x80");
  expect_shown("caf\xe9", "caf\\xe9");
  expect_shown("\xc3", "\\xc3");
  expect_shown("\xc3(", "\\xc3(");
  expect_shown("\xe2\x82", "\\xe2\\x82");
  expect_shown("\xc0\xaf", "\\xc0\\xaf");
  expect_shown("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
  expect_shown("\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf");
  expect_shown("\xed\xa0\x80", "\\xed\\xa0\\x80");
  expect_shown("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
  expect_shown("\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80");
  expect_shown("\xe2\x82\xc3\xbc", "\\xe2\\x82\u00fc");
}
