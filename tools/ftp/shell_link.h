#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/ftp/client.h"
#include "reactor/reactor.h"
#include "tools/client.h"

namespace sluice::tools {

/// The lines of a reply as they came, its code before the first and the last; fit for a terminal.
std::string shown_reply(const ftp::ServerReply& reply);

/// The shell's connection: whom it is to, who is logged in and where, so that a connection that was
/// lost is made again where it is needed next. Each of its operations turns the loop until it is
/// over; none may be begun from inside a callback.
///
/// interrupt(), which may be called at any time, ends what runs: a transfer by ABOR, so that the
/// session goes on; a transfer that goes on nevertheless, and whatever else is waited for, by
/// closing the connection.
class ShellLink {
 public:
  using Show = Function<void(std::string_view)>;

  /// `tell` shows a line to who may want to know; it and the Reactor outlive the ShellLink.
  ShellLink(Reactor& reactor, Show tell) : reactor_(reactor), tell_(std::move(tell)) {}
  ShellLink(const ShellLink&) = delete;
  ShellLink& operator=(const ShellLink&) = delete;

  /// Connects to `host_port` in place of whatever there was, and tells the greeting. With
  /// `anonymous`, ready() logs in as anonymous unless login() has been called before.
  Outcome<void> open(std::string host_port, bool anonymous);
  Outcome<void> login(ftp::Client::Login login);
  /// Brings about a connection that is logged in, or says why there can be none.
  Outcome<void> ready();
  /// Says QUIT, and forgets whom it was connected to.
  void quit();

  bool connected() const { return client_ && client_->connected(); }
  bool logged_in() const { return connected() && logged_in_; }
  /// Not before open().
  ftp::Client& client() { return *client_; }

  const std::string& host_port() const { return host_port_; }
  const std::string& user() const { return login_.user; }
  /// Where the server said last that we are; empty as long as it has not.
  const std::string& directory() const { return directory_; }
  /// Asks for it.
  Outcome<ftp::ServerReply> see_directory();

  /// One command, when ready(); a reply of 4xx or 5xx is Trouble that names `subject`.
  Outcome<ftp::ServerReply> demand(std::string_view command, ftp::Purpose purpose,
                                   std::string_view subject);

  /// Turns the loop until `begin(done)` has called `done`, or an interrupt has cut the connection:
  /// then what was begun never ends. `done` takes an Answer<T>; `abort` is what an interrupt does
  /// first, if there is anything.
  template <class T, class Begin>
  ftp::Answer<T> wait(Begin&& begin, Callback abort = {}) {
    std::optional<ftp::Answer<T>> answer;
    begin([&answer](ftp::Answer<T> result) { answer = std::move(result); });
    turn_until([&answer] { return answer.has_value(); }, std::move(abort));
    return answer ? std::move(*answer) : ftp::Answer<T>(std::unexpected(cut_short()));
  }
  /// The same for whatever else is waited for, `patience` long (negative: for ever). Says whether
  /// it came.
  bool turn_until(Function<bool()> over, Callback abort, Duration patience = Duration(-1));

  void interrupt();
  bool interrupted() const { return interrupts_ > 0; }
  /// Before each command.
  void forget_interrupts() { interrupts_ = 0; }

  /// Shows what is said over the connection by `talk`, which outlives the ShellLink; none: not.
  void show_talk(Show* talk);
  bool shows_talk() const { return talk_ != nullptr; }
  /// For this connection and those to come.
  ftp::Client::Options& options() { return options_; }
  void apply_options();

 private:
  Outcome<ftp::ServerReply> dial();
  Outcome<ftp::ServerReply> enter(const ftp::Client::Login& login);
  Outcome<void> dial_again();
  static ftp::Failure cut_short();

  Reactor& reactor_;
  Show tell_;
  Show* talk_ = nullptr;
  ftp::Client::Options options_;
  std::unique_ptr<ftp::Client> client_;
  std::string host_port_;
  ftp::Client::Login login_;
  std::string directory_;
  bool known_ = false;      // login_ has been let in
  bool anonymous_ = false;  // to be tried
  bool logged_in_ = false;  // on this connection
  Callback abort_;          // of what is waited for
  bool waiting_ = false;
  bool cut_ = false;  // by an interrupt, in this wait
  int interrupts_ = 0;
};

}  // namespace sluice::tools
