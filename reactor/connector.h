#pragma once

#include "reactor/address.h"
#include "reactor/callback.h"
#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/reactor.h"
#include "reactor/tcp.h"

namespace sluice {

/// One attempt to connect, with a deadline: calls its owner once with the connected, non-blocking
/// socket or with the error, never from inside start(). ETIMEDOUT when the time is over;
/// ECONNREFUSED also when the kernel has connected the socket to itself, which it may do on a free
/// port of the ephemeral range. Destroying it ends the attempt without a call; also from inside the
/// call. Not movable.
class Connector final : public IoHandler {
 public:
  using OnDone = Function<void(Result<Fd>)>;

  Connector(Reactor& reactor, OnDone on_done) : reactor_(&reactor), on_done_(std::move(on_done)) {}
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  void start(const Address& address, Duration timeout) {
    start(tcp_start_connect(address), timeout);
  }
  /// With a socket that has set out already, or could not.
  void start(Result<Fd> socket, Duration timeout);

  void on_writable() noexcept override;

 private:
  void finish(Result<Fd> result);

  Reactor* reactor_;
  OnDone on_done_;
  Fd socket_;
  Error error_;
  Timer timer_;
  Watch watch_;
};

}  // namespace sluice
