#include "protocols/ftp/ftp_service.h"

#include <sys/socket.h>

#include "protocols/ftp/ftp_session.h"

namespace sluice::ftp {
namespace {

Address host_of(const Address& peer) {
  Address host = peer.unmapped();
  host.set_port(0);
  return host;
}

}  // namespace

FtpService::FtpService(Reactor& reactor, Options options, LoadAccounts load, Fd passwords,
                       PasswordChecker::Restart restart)
    : TcpService(reactor, {.address = options.address}),
      options_(std::move(options)),
      load_(std::move(load)),
      guard_(options_.guard) {
  transfer_.stream.idle_timeout = options_.stall;
  transfer_.stream.stall_timeout = options_.stall;
  transfer_.sync = options_.sync;
  if (passwords) {
    checker_ = std::make_unique<PasswordChecker>(reactor, std::move(passwords), std::move(restart));
  }
}

Started FtpService::start() {
  auto accounts = load_();
  if (!accounts) return std::unexpected(accounts.error());
  accounts_ = std::move(*accounts);
  if (!options_.transfer_log.empty()) {
    if (auto opened = transfer_log_.open(options_.transfer_log); !opened) {
      return std::unexpected(opened.error().message(options_.transfer_log));
    }
  }
  if (auto started = TcpService::start(); !started) return started;
  // What is accepted inherits these. Urgent bytes stay where they are among the others: of telnet's
  // Synch (RFC 854) only the order matters.
  const int on = 1, size = limits::kControlReceiveBytes;
  ::setsockopt(listener().fd(), SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
  ::setsockopt(listener().fd(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  return {};
}

/// Who is logged in stays so, with what was allowed then. Where anything is wrong with the new
/// accounts the old ones stay.
void FtpService::reload() {
  if (auto opened = transfer_log_.reopen(); !opened) {
    sluice::log(LogLevel::error, "ftp", opened.error().message(options_.transfer_log));
  }
  auto accounts = load_();
  if (!accounts) {
    return sluice::log(LogLevel::error, "ftp", accounts.error(), "; the users stay as they were");
  }
  accounts_ = std::move(*accounts);
  sluice::log(LogLevel::info, "ftp", "users loaded anew");
}

std::string_view FtpService::enter(const Address& peer) {
  if (clients_ >= options_.max_clients) return "Too many clients: try again later.";
  Guests& same = guests_[host_of(peer)];
  if (same.clients >= options_.max_per_address) return "Too many clients from your address.";
  ++same.clients;
  ++clients_;
  return {};
}

void FtpService::leave(const Address& peer) {
  const auto found = guests_.find(host_of(peer));
  if (--found->second.clients == 0 && found->second.checks == 0) guests_.erase(found);
  --clients_;
}

bool FtpService::begin_check(const Address& peer) {
  std::size_t& checks = guests_[host_of(peer)].checks;
  if (checks >= limits::kChecksPerAddress) return false;
  ++checks;
  return true;
}

void FtpService::end_check(const Address& peer) {
  const auto found = guests_.find(host_of(peer));
  if (--found->second.checks == 0 && found->second.clients == 0) guests_.erase(found);
}

std::unique_ptr<Session> FtpService::make_session(Fd socket, const Address& peer) {
  return std::make_unique<FtpSession>(*this, std::move(socket), peer);
}

}  // namespace sluice::ftp
