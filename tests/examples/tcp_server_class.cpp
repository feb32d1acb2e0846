// The lecture's program on its TCP server class: construct with a port, accept, receive, send,
// disconnect. It answers each message by its length, one client after the other, and ends when a
// client says "shutdown".
//
// Usage: tcp_server_class [PORT]

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "reactor/address.h"
#include "reactor/tcp_server.h"

int main(int argc, char** argv) {
  const int port = argc > 1 ? std::atoi(argv[1]) : 0;
  // TcpServer(port) would listen on every address of the machine; an example stays at home.
  sluice::TcpServer server(sluice::Address::loopback_v4(static_cast<std::uint16_t>(port)));
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message().c_str());
    return 1;
  }
  std::printf("listening on %s\n", server.address().to_string().c_str());
  std::fflush(stdout);

  for (bool running = true; running && server.accept();) {
    std::printf("connected: %s\n", server.client().to_string().c_str());
    // receive() is empty when the client has ended; send() is false when it cannot be reached.
    for (std::string message = server.receive(); !message.empty(); message = server.receive()) {
      if (!server.send("received " + std::to_string(message.size()) + " bytes\n")) break;
      if (message.starts_with("shutdown")) {
        running = false;
        break;
      }
    }
    server.disconnect();
    std::printf("disconnected\n");
  }
}
