#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "reactor/clock.h"
#include "tools/chat/message.h"

namespace sluice::tools {

/// How long a server may take to answer to /nick; one that does not is of another kind.
inline constexpr Duration kEntrancePatience = std::chrono::seconds(3);

/// Who we want to be and in which room, and what the server makes of it: what is to be said at each
/// connection, also after one was lost. Only an answer to something that we have asked for counts,
/// since anybody can say a sentence that looks like one.
class Entrance {
 public:
  /// Neither need be: without a nick, none is asked for; without a room, we are where we come in.
  Entrance(std::string nick, std::string room) : wanted_(std::move(nick)), room_(std::move(room)) {}

  /// What to say first; lines with their newlines. Begins anew.
  std::string begin();
  /// Another nick, because that was taken: what to say. A nick that is `chosen` is wanted at the
  /// next connection too.
  std::string ask(std::string_view nick, bool chosen);

  enum class Step {
    none,
    named,    ///< we have the nick that was asked for
    taken,    ///< somebody else has it; free() is another
    entered,  ///< we are in the room that was asked for
  };
  Step hear(const News& news);
  /// A line that we say: it may ask for a nick or a room.
  void say(std::string_view line);
  /// The server has not answered: it knows no nicks, and we have to say ourselves who we are.
  void give_up();

  /// A nick for begin().
  void want(std::string nick) { wanted_ = std::move(nick); }
  const std::string& wanted() const { return wanted_; }
  /// What we are called; what we want to be called as long as there is no answer.
  const std::string& nick() const { return nick_.empty() ? wanted_ : nick_; }
  const std::string& free() const { return free_; }
  /// The line as it is to be sent.
  std::string sent_as(std::string_view line) const;

 private:
  std::string wanted_;  // at the next connection
  std::string room_;    // likewise
  std::string nick_;    // at this one
  std::string asked_, asked_room_, free_;
  bool chosen_ = true;
  bool mute_ = false;  // no answer has come
};

}  // namespace sluice::tools
