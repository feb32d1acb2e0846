#include "tools/chat/message.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "protocols/chat/nick.h"

namespace sluice::tools {
namespace {

using Words = std::vector<std::string_view>;

constexpr std::string_view kPrivate = " (private)";

/// What stands between the two, if the text begins and ends so and there is something between.
std::optional<std::string_view> between(std::string_view text, std::string_view before,
                                        std::string_view behind) {
  if (text.size() <= before.size() + behind.size()) return std::nullopt;
  if (!text.starts_with(before) || !text.ends_with(behind)) return std::nullopt;
  return text.substr(before.size(), text.size() - before.size() - behind.size());
}

bool is_nick(std::string_view word) {
  return chat::check_nick(word).has_value();
}

Words split(std::string_view text, std::string_view by) {
  Words parts;
  while (true) {
    const std::size_t end = text.find(by);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + by.size());
  }
}

/// The names of a list such as `ann, bob and 3 more` or `lobby (3), tea (1)`.
Words names_of(std::string_view list) {
  Words names;
  for (const std::string_view part : split(list, ", ")) {
    names.push_back(part.substr(0, part.find(' ')));
  }
  return names;
}

std::optional<News> read_list(std::string_view text) {
  if (text.starts_with("rooms: ")) {
    News news{.kind = News::Kind::rooms, .names = names_of(text.substr(7))};
    return news;
  }
  const std::size_t colon = text.find(": ");
  if (!text.starts_with("in ") || colon == text.npos) return std::nullopt;
  News news{.kind = News::Kind::people, .names = names_of(text.substr(colon + 2))};
  std::erase_if(news.names, [](std::string_view name) { return !is_nick(name); });
  return news;
}

std::optional<News> read_own(std::string_view text) {
  if (const auto nick = between(text, "you are now ", "")) {
    return News{.kind = News::Kind::named, .who = *nick};
  }
  if (!text.starts_with("you are in ")) return std::nullopt;
  text.remove_prefix(11);
  return News{.kind = News::Kind::entered, .who = text.substr(0, text.find_first_of(", "))};
}

std::optional<News> read_taken(std::string_view text) {
  const std::size_t middle = text.find(" is taken; ");
  if (middle == text.npos) return std::nullopt;
  const auto free = between(text.substr(middle), " is taken; ", " is free");
  if (!free || !is_nick(*free)) return std::nullopt;
  return News{.kind = News::Kind::taken, .who = text.substr(0, middle), .other = *free};
}

std::optional<News> read_change(std::string_view text) {
  const Words words = split(text, " ");
  if (!is_nick(words[0])) return std::nullopt;
  if (words.size() == 2 && words[1] == "joined") return News{News::Kind::joined, words[0]};
  if (words.size() == 2 && words[1] == "left") return News{News::Kind::left, words[0]};
  if (words.size() != 4 || words[1] != "is" || words[2] != "now" || !is_nick(words[3])) {
    return std::nullopt;
  }
  return News{.kind = News::Kind::renamed, .who = words[0], .other = words[3]};
}

}  // namespace

Message read_message(std::string_view line) {
  if (line.starts_with("* ")) return {Message::Kind::notice, {}, line.substr(2)};
  const std::size_t colon = line.find(": ");
  if (colon == line.npos) return {Message::Kind::other, {}, line};
  const std::string_view before = line.substr(0, colon);
  const auto whisperer = between(before, "", kPrivate);
  const std::string_view nick = whisperer.value_or(before);
  if (!is_nick(nick)) return {Message::Kind::other, {}, line};
  return {whisperer ? Message::Kind::whisper : Message::Kind::said, nick, line.substr(colon + 2)};
}

News read_news(std::string_view text) {
  for (const auto read : {read_list, read_own, read_taken, read_change}) {
    if (auto news = read(text)) return *news;
  }
  return {};
}

}  // namespace sluice::tools
