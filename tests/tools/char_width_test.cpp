#include "tools/terminal/char_width.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "tools/terminal/char_width_table.h"

using namespace sluice;
using namespace sluice::tools;

namespace {

bool is_sorted_and_apart(const auto& ranges) {
  for (std::size_t i = 0; i < std::size(ranges); ++i) {
    if (ranges[i].first > ranges[i].last) return false;
    if (i > 0 && ranges[i - 1].last >= ranges[i].first) return false;
  }
  return true;
}

}  // namespace

Test(char_width, has_tables_that_can_be_searched) {
  cr_expect(is_sorted_and_apart(kNoColumn));
  cr_expect(is_sorted_and_apart(kTwoColumns));
  for (const CharRange& none : kNoColumn) {
    for (const CharRange& two : kTwoColumns) {
      cr_expect(none.last < two.first || two.last < none.first);
    }
  }
}

Test(char_width, gives_korean_and_its_neighbours_two_columns) {
  for (const char32_t c : U"한글각힣가ㄱㅎ㈀㉾ᄀᅟꥠ日本語あア！￦　") {
    if (c != 0) cr_expect(columns_of(c) == 2, "U+%04X", static_cast<unsigned>(c));
  }
  cr_expect(columns_of(U'\uac00') == 2 && columns_of(U'\ud7a3') == 2);
}

Test(char_width, gives_pictures_two_columns) {
  for (const char32_t c : U"😀🚀🤖⌚⏰✅❌🇦") {
    if (c == 0 || c == U'🇦') continue;
    cr_expect(columns_of(c) == 2, "U+%04X", static_cast<unsigned>(c));
  }
  cr_expect(columns_of(U'🇦') == 1, "two of them make a flag of two columns");
}

Test(char_width, gives_marks_no_column) {
  for (const char32_t c :
       {0x300,  0x36f,  0x483,  0x5b0,   0x64b,   0xe31,   0x1160, 0x11a8, 0x11ff,
        0x200b, 0x200d, 0x20d0, 0x2060,  0x302a,  0x3099,  0xd7b0, 0xd7fb, 0xfe00,
        0xfe0f, 0xfe20, 0xfeff, 0x1d167, 0xe0001, 0xe0100, 0xe01ef}) {
    cr_expect(columns_of(c) == 0, "U+%04X", static_cast<unsigned>(c));
  }
}

Test(char_width, gives_all_else_one_column) {
  for (const char32_t c :
       {0x20,   0x41,   0x7e,   0xa0,   0xad,    0xe9,     0x2ff,  0x370,  0x416,
        0x5d0,  0x627,  0x905,  0x10ff, 0x1200,  0x2026,   0x20ac, 0x2500, 0x303f,
        0xd7a4, 0xff61, 0xffdc, 0xfffd, 0x1f321, 0x10ffff, 0xe000}) {
    cr_expect(columns_of(c) == 1, "U+%04X", static_cast<unsigned>(c));
  }
}

Test(char_width, is_one_for_what_is_not_shown_and_not_utf8) {
  for (char32_t c = 0; c <= 0x10ffff; ++c) {
    cr_assert(is_shown(c) || columns_of(c) == 1, "U+%04X", static_cast<unsigned>(c));
  }
  for (const char* text : {"\x80", "\xe2\x82", "\xed\xa0\x80", "\xf0\x9f\x98"}) {
    cr_expect(first_cluster(text).columns == 1);
  }
}

Test(char_width, puts_marks_to_the_character_before) {
  const std::string text = "e\u0301\u0302\u1112\u1161\u11ab\u0301";
  const Cluster first = first_cluster(text);
  cr_expect(first.bytes == 5 && first.columns == 1);
  const Cluster second = first_cluster(text.substr(5));
  cr_expect(second.bytes == 11 && second.columns == 2);
  cr_expect(first_cluster("\u0301\u0302x").bytes == 4 && first_cluster("\u0301").columns == 1);
}
