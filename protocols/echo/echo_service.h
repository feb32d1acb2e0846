#pragma once

#include "protocols/tcp_service.h"

namespace sluice::echo {

/// Serves many clients at once, one after the other, or one and no more.
enum class Mode { concurrent, sequential, once };

std::optional<Mode> parse_mode(std::string_view name);

/// Sends every byte back, unchanged and in order (RFC 862, TCP). A client that sends and does not
/// read is read no further than the high mark; its FIN ends input only: what is owed is sent.
class EchoService final : public TcpService {
 public:
  EchoService(Reactor& reactor, const Address& address, Mode mode = Mode::concurrent);
  std::string_view name() const override { return "echo"; }

 protected:
  std::unique_ptr<Session> make_session(Fd socket, const Address& peer) override;
};

}  // namespace sluice::echo
