#pragma once

#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/address.h"
#include "reactor/reactor.h"
#include "tools/chat/chat_link.h"
#include "tools/chat/entrance.h"
#include "tools/chat/layout.h"
#include "tools/chat/message.h"
#include "tools/chat/names.h"
#include "tools/chat/quiet_terminal.h"
#include "tools/command.h"
#include "tools/terminal/console.h"

namespace sluice::tools {

/// `sluice chat` for a person: a line to type at the bottom, messages above it. The server, once it
/// has been there, is tried again and again when the connection is lost:
///
///     away --connected, a nick is known--> entering --the server knows it, or is silent--> talking
///      ^ \---connected, none is known--> nameless --one is typed--> ^  \--taken--> nameless
///      \----------------------------- the connection is lost -----------------------------/
///
/// and from anywhere to leaving, which is not left.
class ChatDesk final : public ConsoleHandler, public ChatLinkHandler {
 public:
  ChatDesk(std::string host_port, std::vector<Address> addresses, Entrance entrance);

  /// Returns an Exit.
  int run();

 private:
  enum class Stage { away, nameless, entering, talking, leaving };
  enum class Asked { nothing, nick, line };

  void first_connected();
  void take_signals();
  void enter();
  void talk();
  void leave();
  void stop(int status);

  void ask_nick();
  void ask_line();
  void ask_again();
  void take_nick(std::string_view typed);
  void take_said(const std::string& line);
  void say(const std::string& line);
  void take_off_screen(std::string_view line);
  void interrupted();

  void tell(const Message& message);
  void notice(std::string_view text);
  void show_own(std::string_view line);
  void hear_notice(const Message& message);
  void nick_taken();
  void show();

  void on_line(std::string line) noexcept override;
  void on_end() noexcept override;
  void on_interrupt() noexcept override;
  void on_complete(std::string_view before_cursor) noexcept override;

  void on_connected() noexcept override;
  void on_unreachable(Error error) noexcept override;
  void on_heard(std::string_view line) noexcept override;
  void on_heard_all() noexcept override;
  void on_lost(Error error) noexcept override;

  Duration next_pause();

  std::string host_port_;
  Entrance entrance_;
  Colours colours_;
  ChatNames names_;
  Reactor reactor_;
  ChatLink link_;
  std::optional<QuietTerminal> quiet_;
  History history_;
  std::optional<Console> console_;
  Timer timer_;  // for the server to answer; until the next try; at the end
  std::minstd_rand random_;
  std::string shown_;  // what is to be printed at the next occasion
  Stage stage_ = Stage::away;
  Asked asked_ = Asked::nothing;
  std::string suggested_;  // a nick
  unsigned tries_ = 0;     // since we talked last
  bool was_there_ = false;
  bool warned_ = false;  // that what is said has to wait
  TimePoint interrupted_at_{};
  std::optional<std::string> wants_rooms_;  // what Tab was pressed behind
  int status_ = kOk;
};

}  // namespace sluice::tools
