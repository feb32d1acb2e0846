#include "protocols/ftp/login.h"

#include <algorithm>

#include "protocols/ftp/ftp_service.h"
#include "protocols/ftp/ftp_session.h"

namespace sluice::ftp {
namespace {

/// The pause doubles with each wrong password, up to so many times the first.
constexpr unsigned kMaxPauseFactor = 8;

}  // namespace

bool Login::address_may_try() {
  const Duration wait =
      session_->ftp().guard().wait(session_->peer(), session_->stream().reactor().now());
  if (wait == Duration::zero()) return true;
  session_->log_line(LogLevel::warning, "too many wrong passwords from this address");
  session_->close(421, concat("Too many wrong passwords from your address: try again in ",
                              std::chrono::ceil<std::chrono::seconds>(wait).count(), " seconds."));
  return false;
}

void Login::user(std::string_view name) {
  log_out();
  name_ = name.substr(0, limits::kUserName + 1);
  const Accounts::Entry* entry = session_->ftp().accounts().find(name_);
  session_->reply(331, entry && entry->secret.kind == Secret::Kind::any
                           ? "Send your e-mail address as password."
                           : "Now the password.");
}

void Login::password(std::string_view text) {
  if (done()) return session_->reply(503, "You are logged in already.");
  if (!named()) return session_->reply(503, "Send USER first.");
  const Accounts& accounts = session_->ftp().accounts();
  const Accounts::Entry* entry = accounts.find(name_);
  candidate_ = entry ? entry->account : nullptr;
  if (entry && entry->secret.kind == Secret::Kind::any) return succeed();
  if (!address_may_try()) return;
  session_->set_busy(FtpSession::Busy::login);
  const bool plain = entry && entry->secret.kind == Secret::Kind::plain;
  if (plain && equal_secret(entry->secret.text, text)) return checked(true);
  // What is wrong already takes as long as if it had to be found out.
  if (!session_->ftp().checker() || !accounts.has_hashes()) return checked(false);
  check(text, entry && !plain ? std::string_view(entry->secret.text) : "");
}

void Login::check(std::string_view text, std::string_view hash) {
  if (!session_->ftp().begin_check(session_->peer())) {
    session_->close(421, "Too many log-ins at once from your address.");
    return session_->set_idle();
  }
  ticket_ = session_->ftp().checker()->check(text, hash, [this](Result<bool> right) {
    end_check();
    checked(std::move(right));
  });
}

void Login::end_check() {
  ticket_ = 0;
  session_->ftp().end_check(session_->peer());
}

void Login::checked(Result<bool> right) {
  if (!right) {
    session_->log_line(LogLevel::error, "cannot check passwords: ", right.error().message());
    session_->close(421, "Passwords cannot be checked now.");
    return session_->set_idle();
  }
  *right ? succeed() : fail();
}

void Login::succeed() {
  account_ = std::move(candidate_);
  session_->log_line(LogLevel::info, "logged in as ", name_);
  session_->logged_in();
  session_->reply(230, "Logged in.");
  session_->set_idle();
}

void Login::fail() {
  Reactor& reactor = session_->stream().reactor();
  candidate_.reset();
  ++wrong_;
  session_->ftp().guard().failed(session_->peer(), reactor.now());
  session_->log_line(LogLevel::warning, "log-in failed for ", name_);
  const Duration pause =
      session_->ftp().ftp_options().login_delay * std::min(1u << (wrong_ - 1), kMaxPauseFactor);
  pause_ = reactor.after(pause, [this] {
    name_.clear();
    if (wrong_ >= limits::kPasswordTries) {
      session_->close(530, "Name or password wrong, the last time.");
    } else {
      session_->reply(530, "Name or password wrong.");
    }
    session_->set_idle();
  });
}

void Login::log_out() {
  if (done()) session_->logged_out();
  reset();
  session_->reset_settings();
}

void Login::reset() {
  if (ticket_ != 0) {
    session_->ftp().checker()->forget(ticket_);
    end_check();
  }
  pause_.stop();
  name_.clear();
  account_.reset();
  candidate_.reset();
}

}  // namespace sluice::ftp
