#include <algorithm>

#include "protocols/files/name.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/client.h"

namespace sluice::tools {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxAnswerBytes = 4096;

/// A server that ends its answers by nothing is done when it has paused for so long.
constexpr Duration kAnswerGap = 200ms;

Outcome<std::string> read_answer(Socket& socket) {
  std::string answer;
  while (!answer.ends_with('\n')) {
    if (auto set = socket.settimeout(answer.empty() ? kAnswerTimeout : kAnswerGap); !set) {
      return trouble(set.error().message());
    }
    const auto piece = socket.recv(kMaxAnswerBytes);
    const bool some = !answer.empty();
    if (!piece && piece.error().code == ETIMEDOUT) break;
    if (!piece) return trouble(std::string(how_lost(piece.error())));
    if (piece->empty() && !some) return trouble(std::string(kClosedByPeer));
    if (piece->empty()) break;
    answer += *piece;
    if (answer.size() > kMaxAnswerBytes) return trouble("the server's answer does not end");
  }
  return answer;
}

Outcome<std::string> ask(Socket& socket, std::string_view number) {
  if (number.find('\n') != std::string_view::npos) {
    return trouble("one number at a time", kWrongUsage);
  }
  if (auto sent = socket.sendall(concat(number, '\n')); !sent) {
    return trouble(std::string(how_lost(sent.error())));
  }
  auto answer = read_answer(socket);
  if (!answer) return answer;
  if (answer->ends_with('\n')) answer->pop_back();
  return printable(*answer);
}

int run(const Arguments& arguments) {
  return converse("words", arguments, ask);
}

}  // namespace

const Command kWords{"words",
                     "words HOST:PORT [NUMBER]",
                     "Asks for the English word of a number, or of each line until q.",
                     {},
                     run};

}  // namespace sluice::tools
