#include "protocols/chat/nick.h"

#include <criterion/criterion.h>

#include <set>
#include <string>
#include <vector>

#include "reactor/printable.h"

using sluice::printable;
using sluice::chat::alternative;
using sluice::chat::check_nick;
using sluice::chat::check_room;
using sluice::chat::fold;
using sluice::chat::tells_as_server;
using namespace std::string_literals;

namespace {

void expect_allowed(const std::vector<std::string>& nicks) {
  for (const auto& nick : nicks) {
    const auto allowed = check_nick(nick);
    cr_expect(allowed, "%s: %s", printable(nick).c_str(), allowed ? "" : allowed.error().c_str());
  }
}

void expect_refused(const std::vector<std::string>& nicks, const std::string& why) {
  for (const auto& nick : nicks) {
    const auto allowed = check_nick(nick);
    cr_expect(!allowed, "%s passed", printable(nick).c_str());
    if (allowed) continue;
    cr_expect(allowed.error().find(why) != std::string::npos, "%s: %s", printable(nick).c_str(),
              allowed.error().c_str());
    cr_expect(printable(allowed.error()) == allowed.error(), "is shown to the user");
  }
}

std::string times(std::string_view text, int count) {
  std::string out;
  while (count-- > 0) out += text;
  return out;
}

}  // namespace

Test(chat_nick, may_have_letters_digits_and_three_signs) {
  expect_allowed({"a", "ann", "Ann-Marie", "ann_2", "v1.0", "_", "0x2a", "x" + times("9", 19)});
}

Test(chat_nick, may_be_of_any_script_in_use) {
  expect_allowed({"홍길동",
                  "ㅋㅋㅋ",
                  "Zoë",
                  "Łukasz",
                  "Nguyễn",
                  "Øyvind",
                  "ıŞık",
                  "Ƙasimu",
                  "Ελένη",
                  "Дмитрий",
                  "Արամ",
                  "שרה",
                  "محمد",
                  "پریا",
                  "ދިވެހި",
                  "ज़िंदगी",
                  "বাংলা",
                  "ਪੰਜਾਬੀ",
                  "ગુજરાતી",
                  "ଓଡ଼ିଆ",
                  "தமிழ்",
                  "తెలుగు",
                  "ಕನ್ನಡ",
                  "മലയാളം",
                  "සිංහල",
                  "สมชาย",
                  "น้ำ",
                  "ລາວ",
                  "བོད་"s.substr(0, 9),
                  "မြန်မာ",
                  "မြို့",
                  "ქართული",
                  "አማርኛ",
                  "ខ្មែរ",
                  "張偉",
                  "々木",
                  "さくら",
                  "サーバー",
                  "ㄅㄆㄇ",
                  "𠮷野"});
}

Test(chat_nick, may_mix_what_one_language_writes_together) {
  expect_allowed({"홍gildong", "金철수", "Kim金철수", "田中たろう", "カタひら漢字abc", "ㄅ注音x"});
}

Test(chat_nick, may_not_mix_other_scripts) {
  expect_refused({"\u0430nn", "ann\u0430", "p\u0430ypal", "Αnn", "аΑ", "홍さ", "ㄅ홍", "שa", "कক"},
                 "mix");
}

Test(chat_nick, may_be_taken_apart_as_some_systems_type_it) {
  expect_allowed({"e\u0301", "\u1112\u1161\u11ab\u1100\u1173\u11af", "か\u3099", "a\u0323\u0302"});
}

Test(chat_nick, has_marks_only_on_letters_and_no_towers) {
  expect_refused({"\u0301", "\u0301a", "1\u0301", "_\u0301", "\u1161", "\u0e34", "1\u093f"},
                 "only on letters");
  expect_refused({"a\u0301\u0301\u0301", "x" + times("\u0300", 10), "ก" + times("\u0e49", 5)},
                 "too many marks");
  expect_refused({"a\u093f", "a\u05b0", "홍\u0e34"}, "mix");
}

Test(chat_nick, is_not_empty_and_not_too_long) {
  expect_refused({""}, "empty");
  expect_allowed({times("x", 20), times("홍", 20), times("𠮷", 20)});
  expect_refused({times("x", 21), times("홍", 21), std::string(100'000, 'x')}, "at most 20");
}

Test(chat_nick, does_not_begin_like_an_option_or_a_hidden_file) {
  expect_refused({"-", "-a", ".", "..", ".a"}, "begin");
  expect_allowed({"a-", "a.", "a..b"});
}

Test(chat_nick, has_no_blanks) {
  expect_refused({" ", "a b", "a ", "\ta", "a\u00a0", "\u3000", "a\u2009z", "\u2800"}, "blanks");
}

Test(chat_nick, has_nothing_invisible) {
  expect_refused(
      {"a\u200b", "\u200bann", "a\u200dn", "a\u00ad", "\u3164", "\uffa0", "\u115f", "\u1160",
       "홍\u3164", "a\ufe0f", "\ufeff", "a\u034f", "a\u2060", "a\U000e0061", "ក\u17b4"},
      "invisible");
}

Test(chat_nick, has_no_signs_of_our_lines) {
  expect_refused({"ann:", "*", "*a", "a:b"}, "but not");
  expect_refused({"a/b", "#a", "@a", "a?", "a\"b", "a,b", "(a)", "a\x01", "\x7f"}, "but not");
  cr_expect(check_nick("a:b").error().ends_with("\":\""));
  cr_expect(check_nick("a\x01").error().ends_with("U+0001"));
  cr_expect(check_nick("a\U00010400").error().ends_with("U+10400"));
}

Test(chat_nick, has_no_emoji) {
  expect_refused({"👍", "ann👍", "☺", "❤", "🇰🇷", "⌚"}, "emoji");
}

Test(chat_nick, has_no_forms_that_look_like_plain_letters) {
  expect_refused({"\uff41nn", "\uff2f", "\u2113", "\u212b", "\U0001d41a", "\ufb01", "\u00aa",
                  "\u24d0", "\uff8a", "\uf900", "\ufe8d"},
                 "plain ones");
}

Test(chat_nick, has_no_digits_of_other_scripts_and_is_not_just_a_number) {
  expect_refused({"\u0661", "a\u0967", "x\u00b2", "\u2169"}, "");
  expect_refused({"1", "12", "0"}, "number");
  expect_allowed({"12a", "1_2"});
}

Test(chat_nick, is_no_word_that_begins_the_servers_lines) {
  expect_refused({"you", "You", "YOU", "you.", "_you_", "in", "there", "that", "rooms", "server",
                  "System", "no", "goodbye", "sluice"},
                 "server's own");
  expect_allowed({"you2", "young", "inn", "rooms_2", "me", "servers", "_", "홍_"});
  cr_expect(check_room("rooms"));
}

Test(chat_nick, does_nothing_that_the_server_would_tell) {
  for (const auto& deed :
       {"joined"s, "LEFT"s, " left "s, "is now bob"s, "Is\u00a0 now  bob"s,
        "is taken; bob is free"s, "does not read"s, "j\u200boined"s, "\uff4aoined"s}) {
    cr_expect(tells_as_server(deed), "%s", printable(deed).c_str());
  }
  for (const auto& deed : {"joined a band"s, "left the room"s, "is nowhere"s, "is now very tired"s,
                           "is taken"s, "waves"s, "\u200b"s, "is"s, "does not read much"s}) {
    cr_expect(!tells_as_server(deed), "%s", printable(deed).c_str());
  }
}

Test(chat_nick, is_valid_utf8) {
  expect_refused({"\xff", "a\xc3", "\xed\xa0\x80", "\xc1\xa1", "a\ufffd"}, "UTF-8");
}

Test(chat_nick, of_a_room_may_be_longer_and_a_number) {
  cr_expect(check_room("42"));
  cr_expect(check_room(times("방", 30)));
  cr_expect(!check_room(times("x", 31)));
  for (const auto& room : {""s, ".."s, ".x"s, "a/b"s, "../x"s, "a\0"s, "a b"s, "\u0430a"s}) {
    const auto allowed = check_room(room);
    cr_expect(!allowed, "%s", printable(room).c_str());
    if (!allowed) cr_expect(allowed.error().starts_with("a room"));
  }
}

Test(chat_nick, is_the_same_in_either_case_of_ascii) {
  cr_expect(fold("AnnZ@[`{") == "annz@[`{");
  cr_expect(fold("Ähm") == "Ähm");
  cr_expect(fold("") == "");
}

Test(chat_nick, has_alternatives_that_are_allowed) {
  cr_expect(alternative("ann", 2) == "ann_2");
  cr_expect(alternative("ann", 10) == "ann_10");
  cr_expect(alternative(times("x", 20), 2) == times("x", 18) + "_2");
  cr_expect(alternative(times("홍", 20), 123) == times("홍", 16) + "_123");
  for (const auto& nick : {"a"s, times("9", 19) + "a", times("e\u0301", 10), times("홍", 20)}) {
    std::set<std::string> seen{nick};
    for (const unsigned attempt : {2U, 3U, 99U, 12345U, 4'000'000'000U}) {
      const std::string other = alternative(nick, attempt);
      cr_expect(check_nick(other), "%s", other.c_str());
      cr_expect(seen.insert(other).second);
    }
  }
}
