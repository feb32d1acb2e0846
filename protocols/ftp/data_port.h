#pragma once

#include <cstdint>
#include <optional>

#include "protocols/ftp/limits.h"
#include "reactor/address.h"
#include "reactor/connector.h"
#include "reactor/reactor.h"

namespace sluice::ftp {

/// Where the next data connection of a session comes from: a port of ours on which the client calls
/// (PASV, EPSV), or one of the client's that we call (PORT, EPRT).
///
///     nothing --listen()--> listening --the right peer calls--> connected --connect()--> nothing
///        \-----call()--> to be called --connect()--> calling --it answers--> nothing
///
/// Only the peer of the control connection may call: others are closed at once and the port goes on
/// waiting (RFC 2577 section 4). One connection each: then the port is closed. Not movable.
class DataPort final : public IoHandler {
 public:
  using OnConnected = Function<void(Result<Fd>)>;

  /// `local` and `peer` are the two ends of the control connection, the only hosts there will be.
  DataPort(Reactor& reactor, const Address& local, const Address& peer)
      : reactor_(&reactor), local_(local), peer_(peer) {}
  DataPort(const DataPort&) = delete;
  DataPort& operator=(const DataPort&) = delete;

  /// Opens a port in `range` on the control connection's own address, in place of what was there.
  /// EADDRINUSE when the range is used up.
  Result<Address> listen(PortRange range);
  /// The client waits at `address`.
  void call(const Address& address);

  /// Whether there is anything to connect() to.
  bool ready() const { return listening_ || accepted_ || to_call_; }

  /// Gets the connection: at once when the client has called already (the result), else later by
  /// `done`, unless close() comes first. ETIMEDOUT after `patience`.
  std::optional<Fd> connect(Duration patience, OnConnected done);
  void close();

  void on_readable() noexcept override;

 private:
  Result<Fd> open_port(Address& local, PortRange range);
  bool watch_port();
  void accept();
  void finish(Result<Fd> result);
  void fail_listening(Error error);
  void on_time();

  Reactor* reactor_;
  Address local_, peer_;
  Fd listening_;
  Watch watch_;
  Fd accepted_;
  std::optional<Address> to_call_;
  std::unique_ptr<Connector> connector_;
  OnConnected done_;
  Error error_;  // what on_time() tells
  Timer timer_;
};

}  // namespace sluice::ftp
