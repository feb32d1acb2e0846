#pragma once

#include "protocols/tcp_service.h"

namespace sluice::time {

/// Sends the local time to whoever connects, as ctime(3) prints it but without the newline
/// (`Sat Nov 21 08:04:00 2026`), and closes.
class TimeService final : public TcpService {
 public:
  TimeService(Reactor& reactor, const Address& address)
      : TcpService(reactor, {.address = address}) {}
  std::string_view name() const override { return "time"; }

 protected:
  std::unique_ptr<Session> make_session(Fd socket, const Address& peer) override;
};

}  // namespace sluice::time
