#include "protocols/chat/command.h"

#include <algorithm>

namespace sluice::chat {
namespace {

constexpr std::string_view kBlanks = " \t";

struct Word {
  std::string_view name;
  Verb verb;
};

constexpr Word kWords[] = {
    {"nick", Verb::nick},   {"join", Verb::join},  {"leave", Verb::leave}, {"part", Verb::leave},
    {"rooms", Verb::rooms}, {"list", Verb::rooms}, {"who", Verb::who},     {"names", Verb::who},
    {"msg", Verb::msg},     {"me", Verb::me},      {"help", Verb::help},   {"quit", Verb::quit},
    {"exit", Verb::quit},   {"q", Verb::quit},
};

bool same_word(std::string_view typed, std::string_view name) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(typed, name, {}, lower);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = std::min(text.find_first_not_of(kBlanks), text.size());
  const std::size_t last = text.find_last_not_of(kBlanks);
  return text.substr(first, last == text.npos ? 0 : last + 1 - first);
}

/// Cuts the first word off `text`, which keeps what follows, without blanks around.
std::string_view take_word(std::string_view& text) {
  const std::size_t size = std::min(text.find_first_of(kBlanks), text.size());
  const std::string_view word = text.substr(0, size);
  text = trimmed(text.substr(size));
  return word;
}

}  // namespace

ChatCommand parse_command(std::string_view line) {
  ChatCommand command;
  if (!line.starts_with('/') || line.starts_with("//")) {
    command.argument = line.starts_with('/') ? line.substr(1) : line;
    return command;
  }
  command.argument = line;
  command.word = take_word(command.argument);
  const auto* known = std::ranges::find_if(
      kWords, [&](const Word& word) { return same_word(command.word.substr(1), word.name); });
  command.verb = known == std::end(kWords) ? Verb::unknown : known->verb;
  if (command.verb == Verb::msg) {
    command.text = command.argument;
    command.argument = take_word(command.text);
  }
  return command;
}

std::string_view help_text() {
  return "* /nick NAME: what you are called; from then on you see who comes and goes\n"
         "* /join ROOM: goes into a room, which is made if there is none of that name\n"
         "* /leave: goes back to the lobby\n"
         "* /rooms: the rooms, and how many are in each\n"
         "* /who: who is in this room\n"
         "* /msg NAME TEXT: says something to one alone\n"
         "* /me TEXT: says what you do, as in \"* ann waves\"\n"
         "* /help: these lines\n"
         "* /quit: ends the connection\n"
         "* //TEXT: says a line that begins with a slash\n";
}

}  // namespace sluice::chat
