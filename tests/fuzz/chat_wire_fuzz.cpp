// Feeds what chat clients write with arbitrary bytes: messages out of the framer, whole and in
// pieces, which must agree; cleaned text, which must be one line that any terminal may show; names
// and commands.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/chat/command.h"
#include "protocols/chat/nick.h"
#include "protocols/chat/text.h"
#include "protocols/gap_framer.h"
#include "reactor/check.h"
#include "reactor/printable.h"
#include "reactor/text.h"

using namespace sluice;
using namespace sluice::chat;

namespace {

constexpr std::size_t kBound = 64;

std::string clean(std::string_view message) {
  std::string out;
  append_clean(out, message);
  return out;
}

/// printable() decodes UTF-8 by itself and changes exactly what must not be there, but for the tab.
bool is_clean(std::string text) {
  std::ranges::replace(text, '\t', ' ');
  return printable(text) == text;
}

void text(std::string_view message) {
  const std::string shown = clean(message);
  SLUICE_CHECK(is_clean(shown));
  SLUICE_CHECK(shown.size() <= 3 * message.size());
  SLUICE_CHECK(clean(shown) == shown);
  if (is_clean(std::string(message))) SLUICE_CHECK(shown == message);
  std::string behind = "ann: \x1b[";
  append_clean(behind, message);
  SLUICE_CHECK(behind == concat("ann: \x1b[", shown));
  // Without the beginning of anything longer than a character, each line stands for itself.
  if (message.find_first_of("\x1b\xc2\xff") != message.npos) return;
  const std::size_t newline = message.find('\n');
  if (newline == message.npos) return;
  SLUICE_CHECK(shown == clean(message.substr(0, newline)) + clean(message.substr(newline)));
}

/// Without `cuts` whole; else each says how long a piece is.
std::vector<std::string> messages(std::string_view bytes, std::string_view cuts) {
  GapFramer framer(kBound);
  std::vector<std::string> said;
  const auto say = [&](std::string_view message, bool) {
    SLUICE_CHECK(message.size() <= kBound);
    said.push_back(clean(message));
    SLUICE_CHECK(is_clean(said.back()));
  };
  for (std::size_t i = 0; !bytes.empty(); ++i) {
    const auto length =
        cuts.empty() ? bytes.size() : static_cast<unsigned char>(cuts[i % cuts.size()]) + 1U;
    const std::string piece(bytes.substr(0, length));
    framer.feed(piece, say);
    bytes.remove_prefix(piece.size());
  }
  framer.flush(say);
  return said;
}

bool is_part(std::string_view part, std::string_view line) {
  return part.empty() ||
         (part.data() >= line.data() && part.data() + part.size() <= line.data() + line.size());
}

void command(std::string_view line) {
  const ChatCommand parsed = parse_command(line);
  for (const auto part : {parsed.word, parsed.argument, parsed.text}) {
    SLUICE_CHECK(is_part(part, line));
  }
  SLUICE_CHECK((parsed.verb == Verb::none) == parsed.word.empty());
  if (parsed.verb != Verb::none) SLUICE_CHECK(line.starts_with(parsed.word));
  if (parsed.verb == Verb::msg) SLUICE_CHECK(parsed.argument.find_first_of(" \t") == line.npos);
}

void name(std::string_view wanted) {
  const auto nick = check_nick(wanted);
  const auto room = check_room(wanted);
  for (const auto& checked : {nick, room}) {
    if (!checked) SLUICE_CHECK(!checked.error().empty() && is_clean(checked.error()));
  }
  if (room) {
    SLUICE_CHECK(clean(wanted) == wanted && wanted.size() <= 4 * kMaxRoomLetters);
    SLUICE_CHECK(wanted.find_first_of(" \t:*/") == wanted.npos && !wanted.starts_with('.'));
  }
  const std::string seen = clean(wanted);  // as every name is before it is compared
  const std::string folded = fold(seen);
  SLUICE_CHECK(fold(folded) == folded && folded.size() <= seen.size());
  if (!nick) return;
  SLUICE_CHECK(room.has_value() && !folded.empty());
  for (const unsigned attempt : {2U, 34567U}) {
    SLUICE_CHECK(check_nick(alternative(wanted, attempt)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  // The first byte says how many of the next say where to cut.
  const std::size_t cuts_size =
      std::min<std::size_t>(static_cast<unsigned char>(input[0]) % 8, input.size() - 1);
  const std::string_view cuts = input.substr(1, cuts_size);
  const std::string_view bytes = input.substr(1 + cuts_size);
  text(bytes);
  SLUICE_CHECK(messages(bytes, "") == messages(bytes, cuts));
  SLUICE_CHECK(messages(bytes, "") == messages(bytes, std::string_view("\0", 1)));
  command(bytes);
  name(bytes);
  return 0;
}
