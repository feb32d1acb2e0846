#include "protocols/ftp/client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>

#include "protocols/ftp/client_running.h"
#include "reactor/check.h"
#include "reactor/text.h"

namespace sluice::ftp {
namespace {

/// A dead machine is found out in two minutes, a firewall in between is kept from forgetting.
/// Patience, not correctness: a kernel without them does as well.
void set_up(int socket) {
  const auto set = [&](int level, int name, int value) {
    (void)::setsockopt(socket, level, name, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(sluice::limits::kKeepaliveIdle.count()));
  set(IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(sluice::limits::kKeepaliveInterval.count()));
  set(IPPROTO_TCP, TCP_KEEPCNT, sluice::limits::kKeepaliveProbes);
}

/// After which the next transfer has to set its own anew.
bool sets_type(std::string_view command) {
  return command.size() >= 4 && ::strncasecmp(command.data(), "TYPE", 4) == 0;
}

/// The feature in a line of FEAT, in capitals (RFC 2389 section 3.2).
std::string feature_of(std::string_view line) {
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  std::string feature(line.substr(begin));
  std::ranges::transform(feature, feature.begin(), [](unsigned char c) { return std::toupper(c); });
  return feature;
}

}  // namespace

Client::Client(Reactor& reactor, const Options& options)
    : reactor_(&reactor),
      options_(options),
      silence_(reactor.timer([this] { on_silence(); })),
      soon_(reactor.timer([this] { on_soon(); })) {}

Client::~Client() = default;

void Client::connect(std::vector<Address> addresses, OnReply done) {
  SLUICE_CHECK(!control_ && waiting_.empty());
  waiting_.push_back({.done = std::move(done), .wanted = Wanted::success});
  addresses_ = std::move(addresses);
  std::ranges::reverse(addresses_);
  try_next_address();
}

void Client::try_next_address() {
  if (addresses_.empty()) {
    return lose({.error = lost_error_, .text = lost_error_ ? "" : "there is no address"});
  }
  peer_ = std::move(addresses_.back());
  addresses_.pop_back();
  connector_.emplace(*reactor_, [this](Result<Fd> socket) { on_connected(std::move(socket)); });
  connector_->start(peer_, options_.connect_timeout);
}

void Client::on_connected(Result<Fd> socket) {
  if (!socket) {
    lost_error_ = socket.error();
    return try_next_address();
  }
  set_up(socket->get());
  local_ = Address::local_of(socket->get()).value_or(Address());
  control_.emplace(*reactor_, std::move(*socket), *this, control_options_);
  silence_.start(options_.reply_timeout);
  flush();
}

// Commands and their replies.

void Client::ask(std::string_view command, OnReply done) {
  if (sets_type(command)) type_ = 0;
  send(command, {.done = std::move(done)});
  flush();
}

void Client::demand(std::string_view command, Purpose purpose, OnReply done) {
  if (sets_type(command)) type_ = 0;
  send(command, {.done = std::move(done), .purpose = purpose, .wanted = Wanted::no_failure});
  flush();
}

/// `shown` stands for the command where others may see it.
void Client::send(std::string_view command, Waiting waiting, std::string_view shown) {
  waiting.unsent = !can_be_sent(command);
  // Before the connection stands there is no silence.
  if (control_ && !waiting.unsent && !silence_.armed()) silence_.start(options_.reply_timeout);
  if (lost_ || waiting.unsent) {
    soon_.start(Duration::zero());
  } else {
    if (talk_) talk_(shown.empty() ? command : shown, false);
    for (const char c : command) outgoing_.append(c == '\xff' ? 2 : 1, c);  // telnet's IAC, doubled
    outgoing_ += "\r\n";
  }
  waiting_.push_back(std::move(waiting));
}

void Client::flush() {
  if (outgoing_.empty() || !control_ || telling_) return;
  control_->write(outgoing_);
  outgoing_.clear();
}

void Client::on_data(Stream&, std::span<const std::byte> bytes) noexcept {
  reader_.feed(bytes);
  telling_ = true;
  take_replies();
  telling_ = false;
  flush();
}

void Client::take_replies() {
  while (control_->open()) {
    auto reply = reader_.next();
    if (!reply) break;
    take(std::move(*reply));
  }
  if (reader_.trouble() == ReplyReader::Trouble::none || lost_) return;
  const bool long_one = reader_.trouble() == ReplyReader::Trouble::too_long;
  lose({.kind = Failure::Kind::protocol,
        .text = long_one ? std::string("the server's reply is too long")
                         : concat("this is no reply of FTP: ", reader_.offence())});
}

void Client::take(ServerReply reply) {
  if (talk_) {
    for (const std::string& line : reply.lines) talk_(concat(reply.code, ' ', line), true);
  }
  if (reply.code == 421) last_words_ = std::string(reply.text());
  fail_unsent();
  if (waiting_.empty()) return;  // nobody asked; 421 comes before the end
  const bool giving_up = running_ && running_->failure;
  if (reply.preliminary()) {
    if (!giving_up) silence_.start(options_.reply_timeout);
    if (waiting_.front().preliminary) waiting_.front().done(std::move(reply));
    return;
  }
  Waiting first = std::move(waiting_.front());
  waiting_.pop_front();
  silence_.start(giving_up ? Duration(kAbortPatience) : options_.reply_timeout);
  if (waiting_.empty()) silence_.stop();
  if (wanted(reply, first.wanted)) {
    first.done(std::move(reply));
  } else {
    first.done(std::unexpected(failure_of(reply, first.purpose)));
  }
  fail_unsent();
  if (running_ && running_->failure) conclude();
}

bool Client::wanted(const ServerReply& reply, Wanted what) {
  return what == Wanted::anything || reply.positive() ||
         (what == Wanted::no_failure && reply.intermediate());
}

/// Those whose turn has come.
void Client::fail_unsent() {
  while (!waiting_.empty() && waiting_.front().unsent) {
    Waiting first = std::move(waiting_.front());
    waiting_.pop_front();
    first.done(std::unexpected(unsendable()));
  }
}

// The end.

void Client::on_eof(Stream&) noexcept {
  const bool told = !last_words_.empty();
  lose({.code = told ? 421 : 0, .text = told ? last_words_ : "the server closed the connection"});
}

void Client::on_closed(Stream&, Error error) noexcept {
  lose({.error = error, .code = last_words_.empty() ? 0 : 421, .text = last_words_});
}

void Client::on_silence() {
  if (waiting_.empty()) return;
  // The data connection has a watch of its own.
  if (running_ && running_->moving()) return silence_.start(options_.reply_timeout);
  lose({.error = {ETIMEDOUT, "no reply"}, .text = "no reply"});
}

void Client::lose(Failure why) {
  if (lost_) return;
  lost_ = std::move(why);
  silence_.stop();
  connector_.reset();
  if (control_) control_->abort();
  soon_.start(Duration::zero());
}

void Client::on_soon() {
  fail_unsent();
  while (lost_ && !waiting_.empty()) {
    Waiting first = std::move(waiting_.front());
    waiting_.pop_front();
    first.done(std::unexpected(*lost_));
  }
  if (running_) conclude();
}

void Client::close() {
  lose({.kind = Failure::Kind::aborted, .text = "closed"});
  soon_.stop();
  waiting_.clear();
  if (listing_) listing_->stop();
  if (!running_) return;
  running_->end_data();
  reactor_->retire(std::move(running_));
}

// The log-in.

void Client::login(Login login, OnReply done) {
  login_ = std::move(login);
  on_logged_in_ = std::move(done);
  send_login(Step::user, login_.user);
}

void Client::send_login(Step step, std::string_view value) {
  const std::string_view verb = step == Step::user ? "USER" : step == Step::pass ? "PASS" : "ACCT";
  const std::string shown = concat(verb, step == Step::user ? concat(' ', value) : " ***");
  send(concat(verb, ' ', value),
       {.done = [this, step](Answer<ServerReply> answer) { on_login(step, std::move(answer)); },
        .purpose = Purpose::login,
        .wanted = Wanted::no_failure},
       shown);
  flush();
}

/// The steps only go forward: a server that asks again and again is not answered for ever.
void Client::on_login(Step step, Answer<ServerReply> answer) {
  if (!answer) return logged_in(std::move(answer));
  if (answer->code == 331 && step == Step::user) return send_login(Step::pass, login_.password);
  if (answer->code == 332 && step != Step::account) {
    if (!login_.account.empty()) return send_login(Step::account, login_.account);
    return logged_in(
        std::unexpected(Failure{Failure::Kind::login, {}, 332, "the server asks for an account"}));
  }
  if (!answer->positive()) {
    return logged_in(std::unexpected(failure_of(*answer, Purpose::login)));
  }
  welcome_ = std::move(*answer);
  send("FEAT", {.done = [this](Answer<ServerReply> features) { on_features(features); }});
}

void Client::on_features(const Answer<ServerReply>& answer) {
  if (!answer) return logged_in(std::unexpected(answer.error()));
  features_.clear();
  facts_refused_ = false;
  if (answer->positive()) {
    for (const std::string& line : answer->lines) features_.push_back(feature_of(line));
    facts_refused_ = !has_feature("MLST") && !has_feature("MLSD");
  }
  // pure-ftpd and IIS take names as UTF-8 only when asked (RFC 2640 has no such command).
  if (has_feature("UTF8")) send("OPTS UTF8 ON", {.done = [](const auto&) {}});
  logged_in(std::move(*std::exchange(welcome_, std::nullopt)));
}

void Client::logged_in(Answer<ServerReply> answer) {
  OnReply done = std::move(on_logged_in_);
  done(std::move(answer));
}

bool Client::has_feature(std::string_view feature) const {
  return std::ranges::any_of(features_, [&](std::string_view line) {
    return line.starts_with(feature) &&
           (line.size() == feature.size() || line[feature.size()] == ' ');
  });
}

}  // namespace sluice::ftp
