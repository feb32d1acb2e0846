#include "reactor/utf8.h"

#include <criterion/criterion.h>

#include <string>

#include "reactor/printable.h"

using namespace sluice;

namespace {

std::string utf8(char32_t c) {
  const auto byte = [](char32_t value) { return static_cast<char>(value); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xc0 | c >> 6), byte(0x80 | (c & 0x3f))};
  if (c < 0x10000) {
    return {byte(0xe0 | c >> 12), byte(0x80 | (c >> 6 & 0x3f)), byte(0x80 | (c & 0x3f))};
  }
  return {byte(0xf0 | c >> 18), byte(0x80 | (c >> 12 & 0x3f)), byte(0x80 | (c >> 6 & 0x3f)),
          byte(0x80 | (c & 0x3f))};
}

bool is_surrogate(char32_t c) {
  return c >= 0xd800 && c <= 0xdfff;
}

}  // namespace

Test(utf8, reads_every_code_point_and_nothing_else_of_its_length) {
  for (char32_t c = 0; c <= 0x10ffff; ++c) {
    const std::string text = utf8(c);
    const CodePoint point = first_code_point(text + "x");
    cr_assert(point.valid != is_surrogate(c), "U+%04X", static_cast<unsigned>(c));
    if (point.valid) cr_assert(point.value == c && point.bytes == text.size());
    for (std::size_t size = 1; size < text.size() && point.valid; ++size) {
      const CodePoint cut = first_code_point(text.substr(0, size));
      cr_assert(!cut.valid && cut.bytes == size);
      cr_assert(is_cut_code_point(text.substr(0, size)));
    }
    cr_assert(!is_cut_code_point(text), "U+%04X", static_cast<unsigned>(c));
  }
}

Test(utf8, takes_what_is_not_utf8_in_the_longest_pieces_that_could_have_begun_well) {
  struct Case {
    std::string text;
    std::size_t bytes;
  };
  for (const Case& known : {Case{"\x80", 1},
                            {"\xff", 1},
                            {"\xc0\xaf", 1},
                            {"\xc1\xbf", 1},
                            {"\xe2\x82", 2},
                            {"\xe2\x82x", 2},
                            {"\xe0\x80\x80", 1},
                            {"\xe0\x9f\xbf", 1},
                            {"\xed\xa0\x80", 1},
                            {"\xf0\x8f\xbf\xbf", 1},
                            {"\xf0\x9f\x98", 3},
                            {"\xf4\x90\x80\x80", 1},
                            {"\xf5\x80", 1}}) {
    const CodePoint point = first_code_point(known.text);
    cr_expect(!point.valid && point.bytes == known.bytes, "%zu", point.bytes);
    cr_expect(point.value == 0xfffd);
  }
}

Test(utf8, knows_what_further_bytes_could_complete) {
  cr_expect(is_cut_code_point("\xe2\x82") && is_cut_code_point("\xf0"));
  for (const char* never : {"", "a", "\x80", "\xff", "\xc0", "\xf5", "\xed\xa0", "\xe2\x82x"}) {
    cr_expect(!is_cut_code_point(never), "%s", printable(never).c_str());
  }
}

Test(utf8, shows_what_printable_leaves_as_it_is) {
  for (char32_t c = 0; c <= 0x10ffff; ++c) {
    if (is_surrogate(c)) continue;
    const std::string text = utf8(c);
    cr_assert(is_shown(c) == (printable(text) == text), "U+%04X", static_cast<unsigned>(c));
  }
  for (const char32_t c : {0x0, 0x1b, 0x7f, 0x80, 0x9f, 0x61c, 0x200e, 0x2028, 0x202e, 0x2069}) {
    cr_expect(!is_shown(c), "U+%04X", static_cast<unsigned>(c));
  }
  for (const char32_t c : {0x20, 0x7e, 0xa0, 0x200d, 0x2027, 0x202f, 0xfffd}) {
    cr_expect(is_shown(c), "U+%04X", static_cast<unsigned>(c));
  }
}
