#include "protocols/time/time_service.h"

#include <ctime>

namespace sluice::time {
namespace {

std::string local_time() {
  const std::time_t now = std::time(nullptr);
  char text[32];  // ctime_r(3): 26 bytes
  ctime_r(&now, text);
  return {text, std::string_view(text).find('\n')};
}

class TimeSession final : public Session {
 public:
  TimeSession(TcpService& service, Fd socket, const Address& peer)
      : Session(service, std::move(socket), peer) {
    const std::string text = local_time();
    service.count().bytes_out += text.size();
    stream().write(text);
    stream().close();
  }

  void on_data(Stream&, std::span<const std::byte>) noexcept override {}  // closing: never called
};

}  // namespace

std::unique_ptr<Session> TimeService::make_session(Fd socket, const Address& peer) {
  return std::make_unique<TimeSession>(*this, std::move(socket), peer);
}

}  // namespace sluice::time
