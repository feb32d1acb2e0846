#include "protocols/chat/text.h"

#include <criterion/criterion.h>

#include <string>
#include <vector>

#include "reactor/printable.h"

using sluice::printable;
using sluice::chat::append_clean;
using namespace std::string_literals;

namespace {

std::string clean(std::string_view message) {
  std::string out;
  append_clean(out, message);
  return out;
}

struct Case {
  std::string message, shown;
};

void expect_all(const std::vector<Case>& cases) {
  for (const auto& [message, shown] : cases) {
    const std::string got = clean(message);
    cr_expect(got == shown, "%s became %s", printable(message).c_str(), printable(got).c_str());
    cr_expect(clean(got) == got, "%s is not clean", printable(got).c_str());
  }
}

void expect_untouched(const std::vector<std::string>& messages) {
  for (const auto& message : messages) expect_all({{message, message}});
}

/// As many bad parts.
std::string bad(int count) {
  std::string out;
  while (count-- > 0) out += "\uFFFD";
  return out;
}

}  // namespace

Test(chat_text, lets_text_of_every_script_pass) {
  expect_untouched({"", "a", "hello, world ~!", "tab\there", "안녕하세요", "1234567한글 and 漢字",
                    "é, ß, и, ש, ع, ก", "\u00a0\u07ff\u0800\ud7ff\ue000\uffff",
                    "\U00010000\U0010ffff", "👍🏽 👩‍💻 🇰🇷", "\ufeff\u200b\u200c"});
}

Test(chat_text, appends_behind_what_is_there) {
  std::string out = "ann: ";
  append_clean(out, "hi\x1b[m there");
  cr_expect(out == "ann: hi there");
}

Test(chat_text, finds_a_control_at_any_place_of_a_long_line) {
  for (std::size_t length = 0; length < 40; ++length) {
    for (std::size_t at = 0; at <= length; ++at) {
      const std::string line(length, '~');
      for (const char control : {'\0', '\x01', '\b', '\n', '\r', '\x1f', '\x7f'}) {
        std::string message = line;
        message.insert(at, 1, control);
        cr_assert(clean(message) == line, "%zu of %zu", at, length);
      }
    }
  }
}

Test(chat_text, takes_out_every_control_but_the_tab) {
  for (int c = 0; c < 0x20; ++c) {
    const std::string control(1, static_cast<char>(c));
    expect_all({{"a" + control + "b", c == '\t' ? "a\tb" : "ab"}});
  }
  expect_all({{"a\x7f"s + "b", "ab"}, {"one\r\ntwo\n", "onetwo"}, {"\0\0"s, ""}});
  for (int c = 0x80; c < 0xa0; ++c) {
    expect_all({{"a\xc2"s + static_cast<char>(c) + "b", "ab"}});
  }
}

Test(chat_text, takes_out_what_turns_the_direction_of_text_or_ends_a_line) {
  expect_all({{"a\u061c\u200e\u200fb", "ab"},
              {"a\u2028\u2029\u202a\u202b\u202c\u202d\u202eb", "ab"},
              {"a\u2066\u2067\u2068\u2069b", "ab"}});
  expect_untouched({"\u061b\u061d\u200d\u2010\u2027\u202f\u2065\u206a"});
}

Test(chat_text, takes_out_escape_sequences_whole) {
  expect_all({{"\x1b[31mred\x1b[0m", "red"},
              {"\x1b[2J\x1b[1;1H\x1b[?25lx", "x"},
              {"a\x1b[>4;2m\x1b[ q\x1b[!pb", "ab"},
              {"\x1b]0;title\abody", "body"},
              {"\x1b]52;c;aGk=\x1b\\body", "body"},
              {"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"},
              {"\x1bP1$r0m\x1b\\x\x1bXsos\x1b\\y\x1b^pm\x1b\\z\x1b_apc\x1b\\", "xyz"},
              {"\x1b(B\x1b)0\x1b%G\x1b#8x", "x"}});
}

Test(chat_text, takes_of_the_c1_forms_the_control_alone) {
  expect_all({{"\u009b31mred\u009bm", "31mredm"},
              {"\u009d0;title\u009cbody", "0;titlebody"},
              {"\u0090dcs", "dcs"},
              // As single bytes they are no UTF-8.
              {"\x9b"s + "31m", bad(1) + "31m"}});
}

Test(chat_text, loses_nothing_but_the_control_of_what_is_no_whole_sequence) {
  expect_all({{"ab\x1b", "ab"},
              {"\x1bhello", "hello"},
              {"\x1b한글", "한글"},
              {"\x1b[31", "[31"},
              {"\x1b[31한글", "[31한글"},
              {"\x1b[3\b1mx", "[31mx"},
              {"\x1b(", "("},
              {"\x1b]0;title and all the rest", "]0;title and all the rest"},
              {"\x1b]0;title\x1b[31mx", "]0;titlex"},
              {"\x1bP$q", "P$q"},
              {"\x1b_apc\x1b", "_apc"},
              {"\x1b\x1b[31mx", "x"},
              {"\x1b[31\x1b[1mx", "[31x"}});
  expect_all({{"\x1bP bell \a is inside\x1b\\x", "x"}});
}

Test(chat_text, does_not_take_the_middle_of_a_letter_for_the_end_of_a_string) {
  expect_all({{"\x1b]0;Ü\x1b\\x", "x"}});  // Ü is C3 9C
}

Test(chat_text, replaces_each_bad_part_once) {
  // The examples of Unicode, tables 3-8 to 3-11.
  expect_all({{"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", bad(8) + "A"},
              {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", bad(8) + "A"},
              {"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", bad(5) + "A" + bad(2) + "B"},
              {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", bad(4) + "A"},
              {"\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64",
               "a" + bad(3) + "b" + bad(1) + "c" + bad(2) + "d"}});
  expect_all({{"cut \xec\x95", "cut " + bad(1)},
              {"\xf5\xf8\xfe", bad(3)},
              {"\xe2\x82\x1b[m\xac", bad(2)},
              {"\xc3\n\xa9", bad(2)}});
}

Test(chat_text, takes_telnet_commands_out) {
  expect_all({{"\xff\xfd\x01hi\xff\xfb\x1f there", "hi there"},
              {"\xff\xfc\x01\xff\xfe\x03x", "x"},
              {"\xff\xfb\x20\xff\xfb\x27x", "x"},
              {"\xff\xf1\xff\xf4\xff\xf9x", "x"},
              {"\xff\xfa\x18\0xterm\xff\xf0x"s, "x"},
              {"\xff\xfa\x1f\0\xff\xff\0\x18\xff\xf0x"s, "x"},
              {"\xff\xfd\x1bx", "x"},
              {"\xed\x95\xff\xf1\x9c", "한"}});
}

Test(chat_text, loses_no_text_to_what_only_looks_like_telnet) {
  expect_all({{"a\xff"s + "b", "a" + bad(1) + "b"},
              {"\xff한", bad(1) + "한"},
              {"caf\xff", "caf" + bad(1)},
              {"a\xff\xfe"s + "bcd", "a" + bad(2) + "bcd"},
              {"bad \xff\xfe bytes", "bad " + bad(2) + " bytes"},
              {"\xff\xfe", bad(2)},
              {"\xff\xff\xff", bad(3)},
              {"a\xff\xfa"s + "bcd", "a" + bad(2) + "bcd"},
              {"\xff\xfa\x18xterm\xff", bad(2) + "xterm" + bad(1)}});
}

Test(chat_text, grows_at_most_threefold) {
  for (int c = 0; c < 0x100; ++c) {
    cr_expect(clean(std::string(1000, static_cast<char>(c))).size() <= 3000);
  }
  cr_expect(clean(std::string(1000, '\xfe')).size() == 3000);
}
