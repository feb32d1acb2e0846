#include "tools/chat/entrance.h"

#include "protocols/chat/command.h"
#include "protocols/chat/nick.h"
#include "reactor/text.h"

namespace sluice::tools {

std::string Entrance::begin() {
  nick_.clear();
  mute_ = false;
  // The room before the nick: so nobody is told of somebody who came and went.
  std::string lines;
  if (!room_.empty()) lines = concat("/join ", room_, '\n');
  asked_room_ = room_;
  if (!wanted_.empty()) lines += ask(wanted_, true);
  return lines;
}

std::string Entrance::ask(std::string_view nick, bool chosen) {
  asked_ = nick;
  chosen_ = chosen;
  return concat("/nick ", nick, '\n');
}

Entrance::Step Entrance::hear(const News& news) {
  if (news.kind == News::Kind::entered && news.who == asked_room_) {
    room_ = std::exchange(asked_room_, {});
    return Step::entered;
  }
  if (asked_.empty()) return Step::none;
  if (news.kind == News::Kind::named && news.who == asked_) {
    nick_ = std::exchange(asked_, {});
    mute_ = false;
    if (chosen_) wanted_ = nick_;
    return Step::named;
  }
  if (news.kind == News::Kind::taken && chat::fold(news.who) == chat::fold(asked_)) {
    asked_.clear();
    free_ = news.other;
    return Step::taken;
  }
  return Step::none;
}

void Entrance::say(std::string_view line) {
  const chat::ChatCommand command = chat::parse_command(line);
  std::string_view room = command.argument;
  if (room.starts_with('#')) room.remove_prefix(1);
  switch (command.verb) {
    case chat::Verb::nick:
      (void)ask(command.argument, true);
      return;
    case chat::Verb::join:
      asked_room_ = room;
      return;
    case chat::Verb::leave:
      asked_room_ = "lobby";
      return;
    default:
      return;
  }
}

void Entrance::give_up() {
  mute_ = nick_.empty() && !wanted_.empty();
}

std::string Entrance::sent_as(std::string_view line) const {
  const bool said = chat::parse_command(line).verb == chat::Verb::none;
  return mute_ && said ? concat(wanted_, ": ", line) : std::string(line);
}

}  // namespace sluice::tools
