#include "protocols/echo/echo_service.h"

namespace sluice::echo {
namespace {

class EchoSession final : public Session {
 public:
  using Session::Session;

  void on_data(Stream& stream, std::span<const std::byte> bytes) noexcept override {
    service().count().bytes_in += bytes.size();
    service().count().bytes_out += bytes.size();
    stream.write(bytes);
  }

  void on_backpressure(Stream& stream, bool on) noexcept override {
    on ? stream.pause_reading() : stream.resume_reading();
  }
};

TcpService::Options options_for(const Address& address, Mode mode) {
  TcpService::Options options{.address = address};
  if (mode == Mode::sequential) options.max_clients = 1;
  if (mode == Mode::once) options.serve_clients = 1;
  return options;
}

}  // namespace

std::optional<Mode> parse_mode(std::string_view name) {
  if (name == "concurrent") return Mode::concurrent;
  if (name == "sequential") return Mode::sequential;
  if (name == "once") return Mode::once;
  return std::nullopt;
}

EchoService::EchoService(Reactor& reactor, const Address& address, Mode mode)
    : TcpService(reactor, options_for(address, mode)) {}

std::unique_ptr<Session> EchoService::make_session(Fd socket, const Address& peer) {
  return std::make_unique<EchoSession>(*this, std::move(socket), peer);
}

}  // namespace sluice::echo
