#include "protocols/chat/command.h"

#include <criterion/criterion.h>

#include <string>
#include <utility>

using sluice::chat::ChatCommand;
using sluice::chat::help_text;
using sluice::chat::parse_command;
using sluice::chat::Verb;

namespace {

bool is(const ChatCommand& command, Verb verb, std::string_view word, std::string_view argument,
        std::string_view text = "") {
  return command.verb == verb && command.word == word && command.argument == argument &&
         command.text == text;
}

}  // namespace

Test(chat_command, is_what_begins_with_a_slash) {
  cr_expect(is(parse_command("/nick ann"), Verb::nick, "/nick", "ann"));
  cr_expect(is(parse_command("hello /nick ann"), Verb::none, "", "hello /nick ann"));
  cr_expect(is(parse_command(" /nick ann"), Verb::none, "", " /nick ann"));
  cr_expect(is(parse_command(""), Verb::none, "", ""));
}

Test(chat_command, knows_all_words_and_their_other_names) {
  const std::pair<std::string_view, Verb> words[] = {
      {"/nick", Verb::nick},  {"/join", Verb::join},   {"/leave", Verb::leave},
      {"/part", Verb::leave}, {"/rooms", Verb::rooms}, {"/list", Verb::rooms},
      {"/who", Verb::who},    {"/names", Verb::who},   {"/msg", Verb::msg},
      {"/me", Verb::me},      {"/help", Verb::help},   {"/quit", Verb::quit},
      {"/exit", Verb::quit},  {"/q", Verb::quit},
  };
  for (const auto& [word, verb] : words) cr_expect(is(parse_command(word), verb, word, ""));
}

Test(chat_command, does_not_mind_case) {
  cr_expect(is(parse_command("/NICK Ann"), Verb::nick, "/NICK", "Ann"));
  cr_expect(is(parse_command("/Quit"), Verb::quit, "/Quit", ""));
}

Test(chat_command, says_so_when_it_does_not_know_a_word) {
  cr_expect(is(parse_command("/dance all night"), Verb::unknown, "/dance", "all night"));
  cr_expect(is(parse_command("/nicks x"), Verb::unknown, "/nicks", "x"));
  cr_expect(is(parse_command("/nic"), Verb::unknown, "/nic", ""));
  cr_expect(is(parse_command("/"), Verb::unknown, "/", ""));
  cr_expect(is(parse_command("/ nick x"), Verb::unknown, "/", "nick x"));
  cr_expect(is(parse_command("/usr/bin"), Verb::unknown, "/usr/bin", ""));
  cr_expect(is(parse_command("/닉 x"), Verb::unknown, "/닉", "x"));
}

Test(chat_command, takes_blanks_off_both_ends_of_what_follows) {
  cr_expect(is(parse_command("/me  waves  twice \t"), Verb::me, "/me", "waves  twice"));
  cr_expect(is(parse_command("/join\troom"), Verb::join, "/join", "room"));
  cr_expect(is(parse_command("/nick   "), Verb::nick, "/nick", ""));
}

Test(chat_command, parts_the_name_from_a_private_message) {
  cr_expect(is(parse_command("/msg bob hi  there"), Verb::msg, "/msg", "bob", "hi  there"));
  cr_expect(is(parse_command("/msg  bob \t hi "), Verb::msg, "/msg", "bob", "hi"));
  cr_expect(is(parse_command("/msg bob"), Verb::msg, "/msg", "bob", ""));
  cr_expect(is(parse_command("/msg"), Verb::msg, "/msg", "", ""));
}

Test(chat_command, is_no_command_with_two_slashes) {
  cr_expect(is(parse_command("//nick ann"), Verb::none, "", "/nick ann"));
  cr_expect(is(parse_command("//"), Verb::none, "", "/"));
  cr_expect(is(parse_command("///x "), Verb::none, "", "//x "));
}

Test(chat_command, has_a_line_of_help_for_each) {
  std::string_view help = help_text();
  cr_expect(help.ends_with('\n'));
  for (const auto* word :
       {"/nick", "/join", "/leave", "/rooms", "/who", "/msg", "/me", "/help", "/quit"}) {
    const std::string begin = std::string("* ") + word;
    cr_expect(help.starts_with(begin) || help.find("\n" + begin) != help.npos, "%s", word);
  }
  while (!help.empty()) {
    const std::string_view line = help.substr(0, help.find('\n'));
    cr_expect(line.starts_with("* /") && line.size() < 80, "%.*s", static_cast<int>(line.size()),
              line.data());
    help.remove_prefix(line.size() + 1);
  }
}
