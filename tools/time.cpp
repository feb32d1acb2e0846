#include "protocols/files/name.h"
#include "reactor/printable.h"
#include "tools/client.h"

namespace sluice::tools {
namespace {

/// More than any notation of a time needs; a server that never ends must not fill our memory.
constexpr std::size_t kMaxBytes = 4096;

Outcome<std::string> read_all(Socket& socket) {
  std::string text;
  for (;;) {
    const auto piece = socket.recv(kMaxBytes);
    if (!piece) return trouble(std::string(how_lost(piece.error())));
    if (piece->empty()) return text;
    text += *piece;
    if (text.size() > kMaxBytes) return trouble("the server sends more than a time");
  }
}

int run(const Arguments& arguments) {
  if (arguments.operands.empty()) return misused("time", "where to? HOST:PORT is missing");
  if (arguments.operands.size() > 1) return misused("time", "too many arguments");
  auto socket = connect_to(arguments.operands[0]);
  if (!socket) return report("time", socket.error());
  (void)socket->settimeout(kAnswerTimeout);
  auto text = read_all(*socket);
  if (!text) return report("time", text.error());
  if (text->empty()) return complain("time", "closed by peer without a word");
  if (text->ends_with('\n')) text->pop_back();
  const auto done = put_line(printable(*text));
  return done ? kOk : report("time", done.error());
}

}  // namespace

const Command kTime{"time", "time HOST:PORT", "Prints the time that the server tells.", {}, run};

}  // namespace sluice::tools
