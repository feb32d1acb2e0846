#include "protocols/gap_framer.h"

#include <criterion/criterion.h>

#include <random>
#include <string>
#include <vector>

using sluice::GapFramer;

namespace {

/// Each message in brackets, a newline shown as a semicolon behind it.
struct Reader {
  explicit Reader(std::size_t bound = GapFramer::kDefaultBound) : framer(bound) {}
  void feed(std::string_view bytes) {
    framer.feed(bytes, [this](std::string_view text, bool newline) { note(text, newline); });
  }
  void flush() {
    framer.flush([this](std::string_view text, bool newline) { note(text, newline); });
  }
  void note(std::string_view text, bool newline) {
    longest = std::max(longest, text.size());
    said += '[' + std::string(text) + ']' + (newline ? ";" : "");
  }
  GapFramer framer;
  std::string said;
  std::size_t longest = 0;
};

}  // namespace

Test(gap_framer, ends_a_message_at_a_newline_of_either_kind) {
  Reader reader;
  reader.feed("one\ntwo\r\n\n\r\nthree");
  cr_expect(reader.said == "[one];[two];[];[];", "%s", reader.said.c_str());
  cr_expect(reader.framer.holding());
  reader.feed("\n");
  cr_expect(reader.said == "[one];[two];[];[];[three];");
  cr_expect(!reader.framer.holding());
}

Test(gap_framer, ends_a_message_at_a_gap) {
  Reader reader;
  reader.flush();
  cr_expect(reader.said == "", "nothing held, nothing said");
  reader.feed("q");
  reader.flush();
  reader.flush();
  cr_expect(reader.said == "[q]");
}

Test(gap_framer, keeps_a_carriage_return_within_a_line) {
  Reader reader;
  reader.feed("a\rb\n");
  cr_expect(reader.said == "[a\rb];");
}

Test(gap_framer, makes_no_message_of_a_newline_that_a_gap_cut_apart) {
  Reader reader;
  reader.feed("one\r");
  reader.flush();
  reader.feed("\ntwo\n");
  cr_expect(reader.said == "[one][two];", "%s", reader.said.c_str());
  reader.feed("three\r");
  reader.flush();
  reader.feed("four\n\n");
  cr_expect(reader.said == "[one][two];[three][four];[];", "%s", reader.said.c_str());
}

Test(gap_framer, cuts_what_is_too_long) {
  Reader reader(4);
  reader.feed("abcdefghij\n");
  cr_expect(reader.said == "[abcd][efgh][ij];", "%s", reader.said.c_str());
  reader.said.clear();
  reader.feed("abcd\nabcd\r\nabcd");
  cr_expect(reader.said == "[abcd];[abcd];", "what fits exactly is not cut");
  reader.flush();
  cr_expect(reader.said == "[abcd];[abcd];[abcd]");
}

Test(gap_framer, cuts_between_the_code_points_of_utf8) {
  Reader reader(5);
  reader.feed("\u00e4\u00e4\u00e4\u00e4\n");  // two bytes each
  cr_expect(reader.said == "[\u00e4\u00e4][\u00e4\u00e4];", "%s", reader.said.c_str());
  reader.said.clear();
  reader.feed("ab\U0001F600cd\n");  // four bytes behind two
  cr_expect(reader.said == "[ab][\U0001F600c][d];", "%s", reader.said.c_str());
  reader.said.clear();
  reader.feed("\x80\x80\x80\x80\x80\x80\x80\n");  // no UTF-8: cut anywhere
  cr_expect(reader.longest <= 5);
}

Test(gap_framer, says_the_same_however_the_bytes_are_cut) {
  constexpr unsigned kSeed = 11;
  std::minstd_rand random(kSeed);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (auto left = random() % 40; left > 0; --left) {
      static constexpr std::string_view kPieces[] = {"\r",  "\n",     "\r\n", "a",
                                                     "bcd", "\u00e4", "\x80"};
      text += kPieces[random() % 7];
    }
    Reader whole(4), pieces(4);
    whole.feed(text);
    whole.flush();
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = 1 + random() % 5;
      pieces.feed(std::string_view(text).substr(at, size));
      at += size;
    }
    pieces.flush();
    cr_assert(whole.said == pieces.said, "round %d, seed %u", round, kSeed);
    cr_assert(whole.longest <= 4);
  }
}
