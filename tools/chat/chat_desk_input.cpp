#include <unistd.h>

#include <algorithm>
#include <utility>

#include "protocols/chat/command.h"
#include "protocols/chat/nick.h"
#include "protocols/chat/text.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "reactor/write_all.h"
#include "tools/chat/chat_desk.h"
#include "tools/terminal/char_width.h"

/// What is typed at a ChatDesk.
namespace sluice::tools {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPrompt = "> ";
constexpr auto kTwice = 2s;  // two ^C within that are one wish

/// The Console marks pastes and makes one line of them; here each of their lines is a message.
constexpr std::string_view kPastesAsTyped = "\x1b[?2004l";

/// Rows that a prompt and a line take, wrapped by the terminal.
std::size_t rows_of(std::string_view text, std::size_t columns) {
  std::size_t rows = 1, used = 0;
  while (!text.empty()) {
    const Cluster next = first_cluster(text);
    const std::size_t width = next.columns > columns ? 1 : next.columns;
    if (used + width > columns) {
      ++rows;
      used = 0;
    }
    used += width;
    text.remove_prefix(next.bytes);
  }
  return rows;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

}  // namespace

// --- asking --------------------------------------------------------------------------------------

void ChatDesk::ask_nick() {
  asked_ = Asked::nick;
  const std::string offered = suggested_.empty() ? "" : concat(" [", suggested_, ']');
  std::string prompt = concat("Enter your nickname", offered, ": ");
  if (!console_->interactive()) (void)write_all(STDOUT_FILENO, prompt);
  console_->ask(std::move(prompt));
}

void ChatDesk::ask_line() {
  asked_ = Asked::line;
  console_->ask(std::string(kPrompt));
  if (console_->interactive()) (void)write_all(STDOUT_FILENO, kPastesAsTyped);
}

void ChatDesk::ask_again() {
  if (stage_ == Stage::leaving) return;
  if (asked_ == Asked::nick) return ask_nick();
  if (asked_ == Asked::line) ask_line();
}

void ChatDesk::on_line(std::string line) noexcept {
  interrupted_at_ = {};
  if (asked_ == Asked::nick) return take_nick(trimmed(line));
  take_off_screen(line);
  take_said(line);
  show();
  ask_again();
}

void ChatDesk::on_end() noexcept {
  leave();
}

void ChatDesk::on_interrupt() noexcept {
  interrupted();
  ask_again();
}

/// The first gives up the line that is typed, if there is one.
void ChatDesk::interrupted() {
  const TimePoint before = std::exchange(interrupted_at_, reactor_.now());
  if (before != TimePoint{} && reactor_.now() - before < kTwice) return stop(kOk);
  notice("^C once more ends, as /quit does");
  show();
}

/// A name is typed while nobody is connected, too: it is said at the next connection.
void ChatDesk::take_nick(std::string_view typed) {
  const std::string_view nick = typed.empty() ? std::string_view(suggested_) : typed;
  if (nick == "exit") return leave();
  if (nick.empty()) return ask_nick();
  if (const auto good = chat::check_nick(nick); !good) {
    notice(printable(good.error()));
    show();
    return ask_nick();
  }
  asked_ = Asked::nothing;
  entrance_.want(std::string(nick));
  if (stage_ == Stage::nameless) enter();
}

// --- saying --------------------------------------------------------------------------------------

/// What was typed stands there now as it was typed; it is to appear as what others say does.
void ChatDesk::take_off_screen(std::string_view line) {
  if (!console_->interactive()) return;
  const std::size_t rows = rows_of(concat(kPrompt, line), console_->columns());
  shown_ += concat("\x1b[", rows, "A\x1b[J");
}

void ChatDesk::take_said(const std::string& line) {
  const std::string_view text = trimmed(line);
  if (text == "exit" || chat::parse_command(text).verb == chat::Verb::quit) return leave();
  if (!text.empty()) say(line);
}

void ChatDesk::say(const std::string& line) {
  if (!link_.say(entrance_.sent_as(line))) {
    return notice("not said, since too much waits to be sent already");
  }
  if (console_->interactive()) show_own(line);
  entrance_.say(line);
  if (stage_ == Stage::talking || std::exchange(warned_, true)) return;
  notice("not connected: what you say is sent when the connection is back");
}

/// As others see it; of a command only the answer shows.
void ChatDesk::show_own(std::string_view line) {
  std::string clean;
  chat::append_clean(clean, line);
  std::ranges::replace(clean, '\t', ' ');
  const chat::ChatCommand command = chat::parse_command(clean);
  const std::string_view nick = entrance_.nick();
  switch (command.verb) {
    case chat::Verb::none:
      return tell({Message::Kind::said, nick, command.argument});
    case chat::Verb::me:
      if (!command.argument.empty()) notice(concat(nick, ' ', command.argument));
      return;
    case chat::Verb::msg:
      if (command.text.empty()) return;
      return tell({Message::Kind::whisper, nick, command.text, command.argument});
    default:
      return;
  }
}

// --- completing ----------------------------------------------------------------------------------

/// The rooms are asked for at each Tab; the answer is not shown.
void ChatDesk::on_complete(std::string_view before_cursor) noexcept {
  if (asked_ != Asked::line) return;
  if (wants_room(before_cursor) && stage_ == Stage::talking) {
    if (!wants_rooms_) (void)link_.say("/rooms");
    wants_rooms_ = before_cursor;
    return;
  }
  const auto found = names_.complete(before_cursor);
  console_->offer(found.from, found.texts);
}

}  // namespace sluice::tools
