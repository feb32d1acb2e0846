#include "protocols/ftp/ftp_session.h"

#include <algorithm>

#include "protocols/ftp/commands.h"
#include "protocols/ftp/ftp_service.h"
#include "protocols/ftp/limits.h"
#include "protocols/ftp/reply.h"

namespace sluice::ftp {

FtpSession::FtpSession(FtpService& service, Fd socket, const Address& peer)
    : Session(service, std::move(socket), peer),
      login_(*this),
      login_began_(service.reactor().now()),
      last_activity_(login_began_) {
  if (const std::string_view why = service.enter(peer); !why.empty()) {
    close(421, why);
    return;
  }
  counted_ = true;
  idle_ = service.reactor().after(service.ftp_options().login_time, [this] { on_idle_timer(); });
  reply(220, "sluice FTP server ready.");
}

FtpService& FtpSession::ftp() const {
  return static_cast<FtpService&>(service());
}

// --- lines in ------------------------------------------------------------------------------------

void FtpSession::on_data(Stream& stream, std::span<const std::byte> bytes) noexcept {
  service().count().bytes_in += bytes.size();
  last_activity_ = stream.reactor().now();
  if (!stream.can_write()) return;  // who cannot be answered needs nothing done
  const std::size_t taken = held_.empty() ? take(bytes) : 0;
  if (taken == bytes.size() || !stream.open()) return;
  held_.insert(held_.end(), bytes.begin() + static_cast<std::ptrdiff_t>(taken), bytes.end());
  stream.pause_reading();
}

/// Returns how many bytes could be taken; the rest is to be held.
std::size_t FtpSession::take(std::span<const std::byte> bytes) {
  std::size_t taken = 0;
  std::string replies;
  begin_taking(replies);
  while (taken < bytes.size() && !must_hold() && stream().open()) {
    taken += reader_.feed(bytes.subspan(taken));
    if (reader_.has_line()) take_line(reader_.line());
    run_waiting();
  }
  if (const std::string answer = reader_.take_telnet_answer(); !answer.empty()) write(answer);
  end_taking();
  reader_.forget_line();
  return taken;
}

/// The replies to what comes at once go out as one.
void FtpSession::begin_taking(std::string& replies) {
  taking_ = true;
  held_replies_ = &replies;
}

void FtpSession::end_taking() {
  taking_ = false;
  send_held_replies();
  held_replies_ = nullptr;
}

bool FtpSession::must_hold() const {
  const std::size_t most = login_.done() ? limits::kWaitingBytes : limits::kStrangerBytes;
  return pressed_ || waiting_bytes_ > most;
}

void FtpSession::take_line(CommandReader::Line line) {
  if (busy_ == Busy::no && waiting_.empty()) return execute(line);
  if (line.kind == CommandReader::Kind::command && answer_at_once(line.text)) return;
  waiting_.push_back({line.kind, std::string(line.text)});
  waiting_bytes_ += sizeof(WaitingLine) + line.text.size();
}

bool FtpSession::answer_at_once(std::string_view text) {
  const Command command = parse_command(text);
  if (!command.argument.empty()) return false;
  // Behind its 150 a transfer is told from what is said meanwhile; a digest has but one reply.
  const bool talks = command.verb == "STAT" || command.verb == "NOOP";
  if (!(busy_ == Busy::transfer && talks && waiting_.empty()) && command.verb != "ABOR") {
    return false;
  }
  if (busy_ != Busy::transfer && busy_ != Busy::hash) return false;
  execute_command(text);
  return true;
}

void FtpSession::run_waiting() {
  while (busy_ == Busy::no && !waiting_.empty() && !pressed_ && stream().open()) {
    const WaitingLine line = std::move(waiting_[next_waiting_++]);
    waiting_bytes_ -= sizeof(WaitingLine) + line.text.size();
    // Who pipelines without end would never see it empty.
    if (next_waiting_ * 2 >= waiting_.size()) {
      waiting_.erase(waiting_.begin(),
                     waiting_.begin() + static_cast<std::ptrdiff_t>(next_waiting_));
      next_waiting_ = 0;
    }
    execute({line.kind, line.text});
  }
}

/// After whatever may have kept lines waiting has ended.
void FtpSession::go_on() {
  if (taking_) return;
  std::string replies;
  begin_taking(replies);
  run_waiting();
  end_taking();
  if (!held_.empty() && !must_hold()) {
    const std::vector<std::byte> held = std::exchange(held_, {});
    const std::size_t taken = take(held);
    held_.assign(held.begin() + static_cast<std::ptrdiff_t>(taken), held.end());
  }
  if (held_.empty()) stream().resume_reading();
  if (busy_ == Busy::no && draining_) return close(421, "The server is shutting down.");
  if (eof_ && busy_ == Busy::no && waiting_.empty() && held_.empty()) stream().close();
}

void FtpSession::execute(CommandReader::Line line) {
  switch (line.kind) {
    case CommandReader::Kind::too_long:
      return reply(500, "Command line too long.");
    case CommandReader::Kind::bad_bytes:
      return reply(501, "A command line holds neither NUL nor CR.");
    case CommandReader::Kind::command:
      return execute_command(line.text);
  }
}

void FtpSession::execute_command(std::string_view line) {
  if (is_http(line)) {
    log(LogLevel::warning, "speaks HTTP, which a web page may have made it do: closed");
    return close(421, "This is an FTP server.");
  }
  const Command command = parse_command(line);
  const CommandSpec* spec = find_command(command.verb);
  if (!spec) return reply(500, concat(safe_name(command.verb), ": unknown command."));
  if (!spec->run) return reply(502, concat(spec->verb, " is not implemented."));
  if (spec->needs_login && !login_.done()) return reply(530, "Log in with USER and PASS first.");
  if (spec->argument == Argument::required && command.argument.empty()) {
    return reply(501, concat("Usage: ", spec->usage));
  }
  if (spec->argument == Argument::none && !command.argument.empty()) {
    return reply(501, concat(spec->verb, " takes no argument."));
  }
  if (spec->permission != 0 && !account().permissions.has(spec->permission)) {
    return reply(550, "Permission denied.");
  }
  spec->run(*this, command.argument);
}

// --- replies out ---------------------------------------------------------------------------------

void FtpSession::write(std::string_view text) {
  service().count().bytes_out += text.size();
  if (!held_replies_) return stream().write(text);
  held_replies_->append(text);
  if (held_replies_->size() >= limits::kHeldReplyBytes) send_held_replies();
}

void FtpSession::send_held_replies() {
  if (held_replies_ && !held_replies_->empty()) stream().write(std::exchange(*held_replies_, {}));
}

void FtpSession::reply(int code, std::string_view text) {
  write(ftp::reply(code, text));
}

void FtpSession::refuse(Error error, std::string_view path) {
  int code = 550;
  std::string_view why = std::strerror(error.code);
  switch (error.code) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      code = 452;
      break;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
    case EIO:
      code = 451;  // may well succeed later, and clients take 550 for the last word
      break;
    case EINVAL:
      if (std::string_view(error.operation).ends_with("(not a regular file)")) {
        why = "Not a regular file";
      }
      break;
    default:
      break;
  }
  reply(code, concat(safe_name(path), ": ", why, '.'));
}

void FtpSession::close(int code, std::string_view text) {
  reply(code, text);
  idle_.stop();
  if (data_port_) data_port_->close();
  leave();
  send_held_replies();
  stream().close();
}

void FtpSession::leave() {
  if (std::exchange(counted_, false)) ftp().leave(peer());
}

std::string_view FtpSession::user() const {
  return login_.name();
}

void FtpSession::logged_out() {
  login_began_ = service().reactor().now();
  idle_.start(ftp().ftp_options().login_time);
}

void FtpSession::reset_settings() {
  settings_ = {};
  if (data_port_) data_port_->close();
}

void FtpSession::on_backpressure(Stream&, bool on) noexcept {
  pressed_ = on;
  if (!on) go_on();
}

void FtpSession::on_drained(Stream&) noexcept {
  if (listing_) listing_->on_drained();
}

// --- the end -------------------------------------------------------------------------------------

void FtpSession::on_eof(Stream& stream) noexcept {
  eof_ = true;
  const bool quits = std::ranges::any_of(
      waiting_, [](const WaitingLine& line) { return parse_command(line.text).verb == "QUIT"; });
  if ((busy_ == Busy::transfer || busy_ == Busy::hash) && !quits) {
    drop_transfer();
    hash_.reset();
    return stream.close();
  }
  go_on();
}

void FtpSession::drain() noexcept {
  draining_ = true;
  if (busy_ == Busy::no && stream().open()) close(421, "The server is shutting down.");
}

void FtpSession::ended() noexcept {
  idle_.stop();
  drop_transfer();
  login_.reset();
  hash_.reset();
  listing_.reset();
  data_port_.reset();
  leave();
}

void FtpSession::on_idle_timer() {
  const auto& options = ftp().ftp_options();
  const TimePoint now = service().reactor().now();
  if (!stream().open()) return;
  if (!login_.done()) {
    const Duration left = login_began_ + options.login_time - now;
    if (left > Duration::zero()) return idle_.start(left);
    log(LogLevel::info, "no log-in in time: closed");
    return close(421, "No log-in in time.");
  }
  if (busy_ != Busy::no) last_activity_ = now;
  const Duration left = last_activity_ + options.idle - now;
  if (left > Duration::zero()) return idle_.start(left);
  log(LogLevel::info, "idle: closed");
  close(421, "Nothing heard for too long.");
}

void FtpSession::set_idle() {
  busy_ = Busy::no;
  last_activity_ = service().reactor().now();
  go_on();
}

}  // namespace sluice::ftp
