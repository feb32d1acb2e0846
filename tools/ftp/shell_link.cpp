#include "tools/ftp/shell_link.h"

#include "protocols/ftp/reply_reader.h"
#include "reactor/address.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/ftp/session.h"

namespace sluice::tools {
namespace {

constexpr auto kFarewellPatience = std::chrono::seconds(2);

}  // namespace

std::string shown_reply(const ftp::ServerReply& reply) {
  std::string text;
  for (std::size_t i = 0; i < reply.lines.size(); ++i) {
    const bool last = i + 1 == reply.lines.size();
    if (i > 0) text += '\n';
    if (i == 0 || last) text += concat(reply.code, last ? ' ' : '-');
    text += printable(reply.lines[i]);
  }
  return text;
}

Outcome<void> ShellLink::open(std::string host_port, bool anonymous) {
  quit();
  host_port_ = std::move(host_port);
  login_ = {};
  anonymous_ = anonymous;
  const auto greeting = dial();
  if (!greeting) {
    host_port_.clear();
    return std::unexpected(greeting.error());
  }
  tell_(shown_reply(*greeting));
  return {};
}

Outcome<ftp::ServerReply> ShellLink::dial() {
  logged_in_ = false;
  auto addresses = resolve(host_port_);
  if (!addresses) return trouble(addresses.error().message(printable(host_port_)), kNetwork);
  client_ = std::make_unique<ftp::Client>(reactor_, options_);
  show_talk(talk_);
  auto greeting = wait<ftp::ServerReply>(
      [&](auto done) { client_->connect(std::move(*addresses), std::move(done)); });
  if (greeting) return std::move(*greeting);
  client_->close();
  return std::unexpected(
      trouble_of(concat("cannot connect to ", printable(host_port_)), greeting.error()));
}

Outcome<ftp::ServerReply> ShellLink::enter(const ftp::Client::Login& login) {
  logged_in_ = false;
  auto reply = wait<ftp::ServerReply>([&](auto done) { client_->login(login, std::move(done)); });
  if (!reply) return std::unexpected(trouble_of(printable(login.user), reply.error()));
  logged_in_ = true;
  return std::move(*reply);
}

Outcome<void> ShellLink::login(ftp::Client::Login login) {
  anonymous_ = false;
  if (host_port_.empty()) return trouble("not connected (open HOST)");
  if (!connected()) {
    if (const auto greeting = dial(); !greeting) return std::unexpected(greeting.error());
  }
  known_ = false;
  login_ = std::move(login);
  const auto reply = enter(login_);
  if (!reply) return std::unexpected(reply.error());
  known_ = true;
  tell_(shown_reply(*reply));
  directory_.clear();
  (void)see_directory();
  return {};
}

Outcome<void> ShellLink::ready() {
  if (host_port_.empty()) return trouble("not connected (open HOST)");
  if (logged_in()) return {};
  if (known_) return dial_again();
  if (anonymous_) return login({});
  if (connected()) return trouble("not logged in (user NAME)", kLoginRefused);
  return trouble(concat("the connection to ", printable(host_port_), " is gone (open HOST)"),
                 kNetwork);
}

Outcome<void> ShellLink::dial_again() {
  tell_(concat("the connection to ", printable(host_port_), " is gone: connecting again"));
  if (const auto greeting = dial(); !greeting) return std::unexpected(greeting.error());
  if (const auto reply = enter(login_); !reply) return std::unexpected(reply.error());
  if (directory_.empty()) return {};
  const auto entered = wait<ftp::ServerReply>([&](auto done) {
    client_->demand(concat("CWD ", directory_), ftp::Purpose::reading, std::move(done));
  });
  if (!entered) return std::unexpected(trouble_of(printable(directory_), entered.error()));
  return {};
}

Outcome<ftp::ServerReply> ShellLink::see_directory() {
  auto reply = demand("PWD", ftp::Purpose::reading, "PWD");
  if (!reply) return reply;
  if (auto path = ftp::parse_quoted_path(reply->text())) directory_ = std::move(*path);
  return reply;
}

Outcome<ftp::ServerReply> ShellLink::demand(std::string_view command, ftp::Purpose purpose,
                                            std::string_view subject) {
  if (auto done = ready(); !done) return std::unexpected(done.error());
  auto reply = wait<ftp::ServerReply>(
      [&](auto done) { client_->demand(command, purpose, std::move(done)); });
  if (!reply) return std::unexpected(trouble_of(printable(subject), reply.error()));
  return std::move(*reply);
}

void ShellLink::quit() {
  if (connected()) {
    bool heard = false;
    client_->ask("QUIT", [&](const ftp::Answer<ftp::ServerReply>& reply) {
      heard = true;
      if (reply) tell_(shown_reply(*reply));
    });
    turn_until([&heard] { return heard; }, {}, kFarewellPatience);
  }
  if (client_) client_->close();
  client_.reset();
  host_port_.clear();
  directory_.clear();
  known_ = logged_in_ = anonymous_ = false;
}

bool ShellLink::turn_until(Function<bool()> over, Callback abort, Duration patience) {
  const TimePoint end = reactor_.now() + patience;
  abort_ = std::move(abort);
  waiting_ = true;
  cut_ = false;
  bool came = over();
  while (!came && !cut_) {
    const Duration left = patience < Duration::zero() ? patience : end - reactor_.now();
    if (patience >= Duration::zero() && left <= Duration::zero()) break;
    if (!reactor_.run_once(left)) break;
    came = over();
  }
  waiting_ = false;
  abort_.reset();
  return came;
}

void ShellLink::interrupt() {
  ++interrupts_;
  if (!waiting_) return;
  if (interrupts_ == 1 && abort_) return abort_();
  cut_ = true;
  if (client_) client_->close();
}

ftp::Failure ShellLink::cut_short() {
  return {.kind = ftp::Failure::Kind::aborted, .text = "aborted: the connection is closed"};
}

void ShellLink::show_talk(Show* talk) {
  talk_ = talk;
  if (!client_) return;
  if (!talk_) return client_->on_talk({});
  client_->on_talk([talk](std::string_view line, bool from_server) {
    (*talk)(concat(from_server ? "<--- " : "---> ", printable(line)));
  });
}

void ShellLink::apply_options() {
  if (client_) client_->options() = options_;
}

}  // namespace sluice::tools
