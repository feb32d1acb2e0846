#include <unistd.h>

#include "protocols/chat/nick.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/chat/chat_desk.h"
#include "tools/chat/chat_pipe.h"
#include "tools/client.h"
#include "tools/command.h"

namespace sluice::tools {
namespace {

int run(const Arguments& arguments) {
  if (arguments.operands.empty()) return misused("chat", "where to? HOST:PORT is missing");
  if (arguments.operands.size() > 1) return misused("chat", "too many arguments");
  const std::string_view nick = arguments.value("--nick").value_or("");
  std::string_view room = arguments.value("--room").value_or("");
  if (room.starts_with('#')) room.remove_prefix(1);
  if (const auto good = chat::check_nick(nick); arguments.has("--nick") && !good) {
    return misused("chat", concat("--nick: ", good.error()));
  }
  if (const auto good = chat::check_room(room); arguments.has("--room") && !good) {
    return misused("chat", concat("--room: ", good.error()));
  }
  auto addresses = resolve(arguments.operands[0]);
  std::string shown = printable(arguments.operands[0]);
  if (!addresses) {
    const int exit = addresses.error().code == EINVAL ? kWrongUsage : kFailed;
    return report("chat", {concat(shown, ": ", addresses.error().operation), exit, true});
  }
  Entrance entrance{std::string(nick), std::string(room)};
  if (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1) {
    return ChatDesk(std::move(shown), std::move(*addresses), std::move(entrance)).run();
  }
  return ChatPipe(std::move(shown), std::move(*addresses), std::move(entrance)).run();
}

constexpr Option kOptions[] = {
    {"--nick", "NAME", "what you are called (asked for on a terminal; none in a pipe)"},
    {"--room", "ROOM", "the room to go into (lobby)"},
};

}  // namespace

const Command kChat = {
    .name = "chat",
    .usage = "chat HOST:PORT [--nick NAME] [--room ROOM]",
    .summary =
        "Talks in a chat room; in a pipe lines in, lines out; /help tells the commands, "
        "exit ends",
    .options = kOptions,
    .run = run,
};

}  // namespace sluice::tools
