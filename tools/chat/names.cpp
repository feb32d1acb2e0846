#include "tools/chat/names.h"

#include <algorithm>

#include "protocols/chat/nick.h"
#include "reactor/text.h"

namespace sluice::tools {
namespace {

constexpr std::string_view kCommands[] = {"/nick ", "/join ", "/leave", "/rooms", "/who",
                                          "/msg ",  "/me ",   "/help",  "/quit"};

void forget(std::vector<std::string>& names, std::string_view name) {
  std::erase_if(names, [&](const std::string& known) { return known == name; });
}

/// The last is the one heard of last.
void remember(std::vector<std::string>& names, std::string_view name) {
  forget(names, name);
  if (names.size() == ChatNames::kMaxNames) names.erase(names.begin());
  names.emplace_back(name);
}

bool begins(std::string_view name, std::string_view word) {
  return chat::fold(name).starts_with(chat::fold(word));
}

}  // namespace

bool wants_room(std::string_view before) {
  return begins(before, "/join ") && before.find_last_of(" \t") == 5;
}

void ChatNames::hear(const Message& message) {
  if (!message.nick.empty()) remember(nicks_, message.nick);
}

void ChatNames::hear(const News& news) {
  switch (news.kind) {
    case News::Kind::joined:
      return remember(nicks_, news.who);
    case News::Kind::left:
      return forget(nicks_, news.who);
    case News::Kind::renamed:
      forget(nicks_, news.who);
      return remember(nicks_, news.other);
    case News::Kind::entered:
      return remember(rooms_, news.who);
    case News::Kind::people:
      for (const std::string_view name : news.names) remember(nicks_, name);
      return;
    case News::Kind::rooms:
      rooms_.clear();
      for (const std::string_view name : news.names) remember(rooms_, name);
      return;
    default:
      return;
  }
}

ChatNames::Candidates ChatNames::complete(std::string_view before) const {
  const std::size_t from = before.find_last_of(" \t") + 1;  // npos + 1 is 0
  const std::string_view word = before.substr(from);
  Candidates found{.from = from};
  const auto add = [&](const auto& names, std::string_view behind) {
    for (const auto& name : names) {
      if (begins(name, word)) found.texts.push_back(concat(name, behind));
    }
  };
  if (wants_room(before)) {
    add(rooms_, "");
  } else if (word.empty() && !begins(before, "/msg ")) {
    return found;
  } else if (from == 0 && word.starts_with('/')) {
    add(kCommands, "");
  } else {
    add(nicks_, from == 0 ? ": " : begins(before, "/msg ") && from == 5 ? " " : "");
  }
  std::ranges::sort(found.texts);
  return found;
}

}  // namespace sluice::tools
