#pragma once

#include <string_view>

namespace sluice::chat {

/// What begins with `/`: a word in any case, and what follows it.
enum class Verb { none, nick, join, leave, rooms, who, msg, me, help, quit, unknown };

struct ChatCommand {
  Verb verb = Verb::none;  ///< none: no command but a line to be said
  std::string_view word;   ///< as typed, with its slash
  /// Of msg the name, of none what is to be said as it came, else all that follows the word,
  /// without blanks around.
  std::string_view argument;
  std::string_view text;  ///< of msg: what is to be said
};

/// `/part` is /leave, `/list` is /rooms, `/names` is /who, `/exit` and `/q` are /quit. `//x` is the
/// line `/x`, to be said. Blanks are spaces and tabs; the parts live as long as `line`.
ChatCommand parse_command(std::string_view line);

/// One line of help for each command, each beginning with `* `.
std::string_view help_text();

}  // namespace sluice::chat
