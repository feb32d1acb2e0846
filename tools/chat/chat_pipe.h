#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/address.h"
#include "reactor/reactor.h"
#include "tools/chat/chat_link.h"
#include "tools/chat/entrance.h"
#include "tools/command.h"
#include "tools/terminal/console.h"

namespace sluice::tools {

/// `sluice chat` for scripts: the lines of standard input are said, those of the server go to
/// standard output as they come. Nothing is tried twice. After the end of the input the rest is
/// sent, and what the server still says is heard, until it closes the connection or for a moment.
class ChatPipe final : public ConsoleHandler, public ChatLinkHandler {
 public:
  ChatPipe(std::string host_port, std::vector<Address> addresses, Entrance entrance);

  /// Returns an Exit.
  int run();

 private:
  void begin();
  void ask();
  void quit();
  void fail(std::string_view why);
  Duration patience() const;

  void on_line(std::string line) noexcept override;
  void on_end() noexcept override;
  void on_interrupt() noexcept override {}

  void on_connected() noexcept override;
  void on_unreachable(Error error) noexcept override;
  void on_heard(std::string_view line) noexcept override;
  void on_heard_all() noexcept override;
  void on_sent() noexcept override;
  void on_lost(Error error) noexcept override;

  std::string host_port_;
  Entrance entrance_;
  Reactor reactor_;
  ChatLink link_;
  Console console_;
  Timer timer_;  // until the server must have answered to /nick, and at the end
  std::string heard_;
  std::size_t said_ = 0;  // lines
  bool asking_ = false;
  bool ended_ = false;  // nothing more is to be said
  int status_ = kOk;
};

}  // namespace sluice::tools
