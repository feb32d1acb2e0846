#pragma once

#include <map>
#include <memory>
#include <string>

#include "protocols/ftp/account.h"
#include "protocols/ftp/data_port.h"
#include "protocols/ftp/login_guard.h"
#include "protocols/ftp/password_checker.h"
#include "protocols/ftp/transfer.h"
#include "protocols/ftp/transfer_log.h"
#include "protocols/tcp_service.h"

namespace sluice::ftp {

/// An FTP server: RFC 959 and 1123 in stream mode, with RFC 2389, 2428, 2577, 2640, 3659 and MFMT,
/// MFF and HASH of their drafts. See protocols/ftp/README.md.
class FtpService final : public TcpService {
 public:
  struct Options {
    Address address;
    bool atomic = false;  ///< uploads under new names, too, appear whole or not at all
    bool sync = false;    ///< they are on the disk before 226
    PortRange pasv_ports;
    Address pasv_address;      ///< told to clients from elsewhere instead of ours; empty: ours
    std::string transfer_log;  ///< a file; empty: none
    std::size_t max_clients = 10'000;
    std::size_t max_per_address = 5'000;
    Duration idle = std::chrono::minutes(5);        ///< without a command and without a transfer
    Duration login_time = std::chrono::minutes(1);  ///< from the connection to the log-in
    Duration stall = std::chrono::minutes(1);       ///< of a data connection, or until there is one
    Duration login_delay = std::chrono::milliseconds(500);  ///< after the first wrong password
    LoginGuard::Options guard;
  };
  /// Gives the accounts anew; the error is a sentence.
  using LoadAccounts = Function<std::expected<Accounts, std::string>()>;

  /// `passwords` is the socket of a PasswordProcess, none when no account has a hash; `restart`
  /// gives that of another one.
  FtpService(Reactor& reactor, Options options, LoadAccounts load, Fd passwords = {},
             PasswordChecker::Restart restart = {});

  std::string_view name() const override { return "ftp"; }
  Started start() override;
  void reload() override;

  const Options& ftp_options() const { return options_; }
  const Transfer::Options& transfer_options() const { return transfer_; }
  const Accounts& accounts() const { return accounts_; }
  PasswordChecker* checker() { return checker_.get(); }
  LoginGuard& guard() { return guard_; }
  TransferLog& transfer_log() { return transfer_log_; }

  /// Whether one more from there may stay: nothing, or why not. Paired with leave().
  std::string_view enter(const Address& peer);
  void leave(const Address& peer);
  /// Whether one more password from there may be checked; if so, end_check() follows.
  bool begin_check(const Address& peer);
  void end_check(const Address& peer);

 protected:
  std::unique_ptr<Session> make_session(Fd socket, const Address& peer) override;

 private:
  Options options_;
  Transfer::Options transfer_;
  LoadAccounts load_;
  Accounts accounts_;
  std::unique_ptr<PasswordChecker> checker_;
  LoginGuard guard_;
  TransferLog transfer_log_;
  std::size_t clients_ = 0;
  /// Of one host.
  struct Guests {
    std::size_t clients = 0;
    std::size_t checks = 0;
  };
  std::map<Address, Guests> guests_;  // ports are 0
};

}  // namespace sluice::ftp
