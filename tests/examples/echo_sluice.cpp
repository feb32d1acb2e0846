// Step 5: the same on sluice. The loop, the bytes still owed and the states of a connection are the
// library's; what is left to write is what makes this an echo server.
//
// Usage: echo_sluice [PORT]

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <unordered_map>

#include "reactor/listener.h"
#include "reactor/reactor.h"
#include "reactor/stream.h"

using namespace sluice;

class Echo final : public StreamHandler {
 public:
  explicit Echo(Reactor& reactor) : reactor_(reactor) {}

  void welcome(Fd socket) {
    auto stream = std::make_unique<Stream>(reactor_, std::move(socket), *this);
    clients_[stream.get()] = std::move(stream);
  }

  void on_data(Stream& stream, std::span<const std::byte> bytes) noexcept override {
    stream.write(bytes);
  }
  // Who does not read its echo is not read either, until it has caught up.
  void on_backpressure(Stream& stream, bool on) noexcept override {
    on ? stream.pause_reading() : stream.resume_reading();
  }
  // We are inside a call of this very Stream, so it is destroyed at the end of the turn, not here.
  void on_closed(Stream& stream, Error) noexcept override {
    reactor_.retire(std::move(clients_.extract(&stream).mapped()));
  }

 private:
  Reactor& reactor_;
  std::unordered_map<Stream*, std::unique_ptr<Stream>> clients_;
};

int main(int argc, char** argv) {
  Reactor reactor;
  Echo echo(reactor);
  Listener listener(reactor, [&](Fd socket, const Address&) { echo.welcome(std::move(socket)); });
  const int port = argc > 1 ? std::atoi(argv[1]) : 0;
  const auto listening = listener.listen(Address::loopback_v4(static_cast<std::uint16_t>(port)));
  if (!listening) {
    std::fprintf(stderr, "%s\n", listening.error().message().c_str());
    return 1;
  }
  std::printf("listening on %s\n", listener.address().to_string().c_str());
  std::fflush(stdout);
  (void)reactor.on_signal(SIGTERM, [&] { reactor.stop(); });
  return reactor.run() ? 0 : 1;
}
