#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "protocols/ftp/account.h"
#include "protocols/ftp/password_checker.h"
#include "reactor/reactor.h"

namespace sluice::ftp {

class FtpSession;

/// Who a session is: USER and PASS.
///
///     nobody --USER--> named --PASS, right--> logged in
///        ^---- wrong, after a pause that grows; the third time it is the end ----/
///
/// A name that nobody has and a wrong password get the same reply in the same time.
class Login {
 public:
  explicit Login(FtpSession& session) : session_(&session) {}
  Login(const Login&) = delete;
  Login& operator=(const Login&) = delete;

  void user(std::string_view name);
  void password(std::string_view text);
  /// Nobody again, with settings as at the start, and the time to log in begins.
  void log_out();
  /// Nobody again; a check under way is not waited for.
  void reset();

  bool named() const { return !name_.empty(); }
  bool done() const { return account_ != nullptr; }
  const std::shared_ptr<const Account>& account() const { return account_; }
  const std::string& name() const { return name_; }

 private:
  bool address_may_try();
  void check(std::string_view text, std::string_view hash);
  void end_check();
  void checked(Result<bool> right);
  void succeed();
  void fail();

  FtpSession* session_;
  std::string name_;
  std::shared_ptr<const Account> account_;
  std::shared_ptr<const Account> candidate_;  // whose password is being checked
  PasswordChecker::Ticket ticket_ = 0;
  unsigned wrong_ = 0;
  Timer pause_;
};

}  // namespace sluice::ftp
