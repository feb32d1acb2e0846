#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "reactor/reactor.h"
#include "tools/client.h"
#include "tools/ftp/shell_commands.h"
#include "tools/ftp/shell_complete.h"
#include "tools/ftp/shell_link.h"
#include "tools/ftp/url.h"
#include "tools/terminal/console.h"
#include "tools/terminal/history.h"

namespace sluice::tools {

/// `sluice ftp`: takes lines, from a terminal, from a pipe or as a script, and does what they say,
/// one command after the other. Each command turns the loop until it is done, so that none is ever
/// begun inside a callback. Owns everything; lives on the stack of main.
class Shell final : private ConsoleHandler {
 public:
  struct Options {
    std::optional<FtpUrl> site{};
    std::optional<std::string> script{};  ///< of -c
    bool verbose = false;
  };

  explicit Shell(Options options);

  /// To the end of the input, `quit`, or the first command of a script that fails; an Exit.
  int run();

  // For the commands.

  Reactor& reactor() { return reactor_; }
  ShellLink& link() { return link_; }
  ftp::Client::Type& type() { return type_; }
  /// A person types, and sees what comes of it.
  bool interactive() const { return !script_; }
  /// A line of what was done, where somebody wants to know.
  void tell(std::string_view line);
  /// What was asked for: standard output.
  Outcome<void> print(std::string_view text);
  /// What went wrong, while the command goes on.
  void complain(const Trouble& trouble);
  Outcome<void> open(const FtpUrl& site);
  Outcome<void> login(std::string user, std::optional<std::string> password, std::string account);
  void show_talk(bool on) { link_.show_talk(on ? &talk_ : nullptr); }
  void quit() { over_ = true; }

 private:
  void on_line(std::string line) noexcept override;
  void on_end() noexcept override;
  void on_interrupt() noexcept override;
  void on_complete(std::string_view before_cursor) noexcept override;

  void begin();
  void take_signals();
  void run_lines();
  std::optional<std::string> read_line(std::string prompt, bool command);
  void execute_lines(std::string_view text);
  bool execute(std::string_view text);
  Outcome<void> call(std::string_view text);
  Outcome<std::string> ask_name();
  Outcome<std::string> ask_secret(std::string_view user);
  void load_history();
  void save_history();

  Options options_;
  const bool script_;  // no person: the first failure is the end
  const bool tells_;
  bool over_ = false;
  int status_ = kOk;
  ftp::Client::Type type_ = ftp::Client::Type::binary;

  Reactor reactor_;
  ShellLink link_;
  ShellLink::Show talk_;
  History history_;                 // of the Console: all that was typed
  History kept_;                    // without what is nobody's business
  std::optional<Console> console_;  // not with -c
  std::optional<Completer> completer_;
  bool asking_ = false;          // a prompt is shown
  bool asking_command_ = false;  // and not for a name
  std::optional<std::string> line_;
  bool ended_ = false;        // the input
  bool interrupted_ = false;  // a line that was being typed
};

}  // namespace sluice::tools
