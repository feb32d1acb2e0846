#include "reactor/printable.h"

#include <criterion/criterion.h>

#include <string>

using sluice::printable;
using namespace std::string_literals;

namespace {

void expect_shown(const std::string& text, const std::string& expected) {
  const std::string shown = printable(text);
  cr_expect_str_eq(shown.c_str(), expected.c_str());
}

}  // namespace

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
