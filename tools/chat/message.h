#pragma once

#include <string_view>
#include <vector>

namespace sluice::tools {

/// What a line of the server is. Its texts are those of the line.
struct Message {
  enum class Kind {
    said,     ///< `NICK: text`, also of somebody who writes his name himself
    whisper,  ///< `NICK (private): text`
    notice,   ///< `* text`: the server's word, and what somebody does
    other,    ///< said by nobody in particular
  };
  Kind kind = Kind::other;
  std::string_view nick;     ///< of said and whisper
  std::string_view text;     ///< what follows `: ` or `* `
  std::string_view to = {};  ///< of a whisper of ours: who hears it
};

Message read_message(std::string_view line);

/// What a notice tells, as the server words it. `/me` lets anybody word a sentence that begins with
/// his own nick, so nothing but completion may rest on what others do; see Entrance for the rest.
struct News {
  enum class Kind {
    none,
    joined,   ///< who
    left,     ///< who
    renamed,  ///< who, now other
    taken,    ///< who is taken, other is free
    named,    ///< we are now who
    entered,  ///< we are in the room who
    people,   ///< names: of those in a room
    rooms,    ///< names: of rooms
  };
  Kind kind = Kind::none;
  std::string_view who = {};
  std::string_view other = {};
  std::vector<std::string_view> names = {};
};

/// `text` is that of a notice.
News read_news(std::string_view text);

}  // namespace sluice::tools
