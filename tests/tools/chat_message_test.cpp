#include <criterion/criterion.h>

#include <string>
#include <vector>

#include "tools/chat/message.h"
#include "tools/chat/names.h"
#include "tools/chat/received_lines.h"

using namespace sluice;
using namespace sluice::tools;

namespace {

struct Received {
  ReceivedLines lines;
  std::vector<std::string> told;

  void feed(std::string_view bytes) {
    lines.feed(bytes, [this](std::string_view line) { told.emplace_back(line); });
  }
  void flush() {
    lines.flush([this](std::string_view line) { told.emplace_back(line); });
  }
};

std::vector<std::string> completions(const ChatNames& names, std::string_view before) {
  return names.complete(before).texts;
}

ChatNames some_names() {
  ChatNames names;
  names.hear(read_message("ann: hello"));
  names.hear(read_news("Anton joined"));
  names.hear(read_news("in lobby: bob, 민수 and 3 more, 12 without a name"));
  names.hear(read_news("rooms: lobby (3), tea (1) and 7 more"));
  return names;
}

}  // namespace

Test(chat_lines, come_whole_from_pieces_of_any_size) {
  const std::string bytes = "one\r\n두 번째\nthree\n";
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    Received received;
    for (std::size_t at = 0; at < bytes.size(); at += size) received.feed(bytes.substr(at, size));
    cr_expect(received.told == std::vector<std::string>({"one", "두 번째", "three"}));
    cr_expect(!received.lines.holding());
  }
}

Test(chat_lines, without_an_end_come_with_the_gap) {
  Received received;
  received.feed("ann: hi");
  cr_expect(received.told.empty() && received.lines.holding() && !received.lines.ends_lines());
  received.flush();
  cr_expect(received.told == std::vector<std::string>({"ann: hi"}));
  received.flush();
  received.feed("x\n");
  cr_expect_eq(received.told.size(), 2);
  cr_expect(received.lines.ends_lines());
}

Test(chat_lines, hold_nothing_that_a_terminal_obeys) {
  Received received;
  received.feed(
      "a\x1b[2Jb\x1b]52;c;aGk=\ac\x07\x9b\x31mdx\xc2\x9b"
      "3me\u202e\x7f\n");
  cr_assert_eq(received.told.size(), 1);
  cr_expect_eq(received.told[0], "abc\uFFFD1mdx3me", "%s", received.told[0].c_str());
}

Test(chat_lines, of_a_gibibyte_are_cut) {
  Received received;
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 1024; ++i) received.feed(piece);
  received.feed("\nnext\n");
  cr_assert_eq(received.told.size(), 2);
  cr_expect_eq(received.told[0].size(), ReceivedLines::kMaxBytes + std::string("…").size());
  cr_expect(received.told[0].ends_with("x…"));
  cr_expect_eq(received.told[1], "next");
}

Test(chat_lines, are_cut_between_characters) {
  for (std::size_t shift = 0; shift < 3; ++shift) {
    Received received;
    std::string line(shift, 'x');
    while (line.size() <= ReceivedLines::kMaxBytes) line += "한";
    received.feed(line + "\n");
    cr_assert_eq(received.told.size(), 1);
    cr_expect(received.told[0].ends_with("한…"));
  }
}

Test(chat_message, tells_its_kind) {
  const auto kind = [](std::string_view line) { return read_message(line).kind; };
  cr_expect(kind("ann: hi") == Message::Kind::said);
  cr_expect_eq(read_message("민수: a: b").nick, "민수");
  cr_expect_eq(read_message("민수: a: b").text, "a: b");
  cr_expect(kind("ann (private): hi") == Message::Kind::whisper);
  cr_expect_eq(read_message("ann (private): hi").nick, "ann");
  cr_expect(kind("* ann joined") == Message::Kind::notice);
  cr_expect(kind("see http://x") == Message::Kind::other);
  cr_expect(kind("two words: x") == Message::Kind::other);
  cr_expect(kind(" (private): x") == Message::Kind::other);
  cr_expect(kind("") == Message::Kind::other);
}

Test(chat_news, are_read_from_notices) {
  const auto kind = [](std::string_view text) { return read_news(text).kind; };
  cr_expect(kind("ann joined") == News::Kind::joined);
  cr_expect(kind("ann left") == News::Kind::left);
  cr_expect(kind("12 joined") == News::Kind::none, "a number is nobody");
  cr_expect(kind("ann waves") == News::Kind::none);
  const News renamed = read_news("ann is now bob");
  cr_expect(renamed.kind == News::Kind::renamed && renamed.who == "ann" && renamed.other == "bob");
  const News taken = read_news("ann is taken; ann_2 is free");
  cr_expect(taken.kind == News::Kind::taken && taken.who == "ann" && taken.other == "ann_2");
  cr_expect(kind("ann is taken; /quit is free") == News::Kind::none);
  const News named = read_news("you are now bob");
  cr_expect(named.kind == News::Kind::named && named.who == "bob");
  for (const char* text : {"you are in tea, with 3 others", "you are in tea already"}) {
    const News entered = read_news(text);
    cr_expect(entered.kind == News::Kind::entered && entered.who == "tea", "%s", text);
  }
  cr_expect(kind("") == News::Kind::none);
  cr_expect(kind("you are now ") == News::Kind::none);
}

Test(chat_names, complete_nicks_with_a_colon_at_the_start) {
  const ChatNames names = some_names();
  using Texts = std::vector<std::string>;
  cr_expect(completions(names, "an") == Texts({"Anton: ", "ann: "}));
  cr_expect(completions(names, "hello AN") == Texts({"Anton", "ann"}));
  cr_expect_eq(names.complete("hello AN").from, 6);
  cr_expect(completions(names, "민") == Texts({"민수: "}));
  cr_expect(completions(names, "/msg bo") == Texts({"bob "}));
  cr_expect(completions(names, "3").empty() && completions(names, "").empty());
}

Test(chat_names, complete_commands_and_rooms) {
  const ChatNames names = some_names();
  using Texts = std::vector<std::string>;
  cr_expect(completions(names, "/m") == Texts({"/me ", "/msg "}));
  cr_expect(completions(names, "say /m").empty());
  cr_expect(completions(names, "/join ") == Texts({"lobby", "tea"}));
  cr_expect(completions(names, "/JOIN t") == Texts({"tea"}));
  cr_expect(completions(names, "/join tea x").empty());
}

Test(chat_names, forget_who_has_left_and_the_oldest_of_too_many) {
  ChatNames names = some_names();
  names.hear(read_news("ann left"));
  names.hear(read_news("Anton is now zoe"));
  cr_expect(completions(names, "an").empty());
  cr_expect_eq(completions(names, "zo").size(), 1);
  for (std::size_t i = 0; i < ChatNames::kMaxNames; ++i) {
    names.hear(read_message("n" + std::to_string(i) + ": x"));
  }
  cr_expect(completions(names, "zo").empty());
  cr_expect_eq(completions(names, "n").size(), ChatNames::kMaxNames);
}
