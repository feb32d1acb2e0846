// Step 1: an echo server as the lecture has it. One client at a time; every call waits.
//
// Usage: echo_blocking [PORT]

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

// send() may take less than it is given: TCP carries bytes, it does not keep messages together.
// MSG_NOSIGNAL: a client that has gone is an error here, not the end of the process (SIGPIPE).
bool send_all(int client, const char* bytes, ssize_t size) {
  while (size > 0) {
    const ssize_t sent = send(client, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes += sent;
    size -= sent;
  }
  return true;
}

int main(int argc, char** argv) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;  // allows a restart while old connections are still in TIME_WAIT
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0));
  socklen_t size = sizeof address;
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener, SOMAXCONN) != 0) {
    std::perror("cannot listen");
    return 1;
  }
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);

  static char buffer[64 * 1024];
  for (;;) {
    const int client = accept(listener, nullptr, nullptr);  // waits for a client
    if (client < 0) continue;
    for (;;) {
      const ssize_t got = recv(client, buffer, sizeof buffer, 0);  // waits for bytes
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) std::perror("recv");                       // RST: the client broke off
      if (got <= 0 || !send_all(client, buffer, got)) break;  // 0 is FIN: it has finished
    }
    close(client);
  }
}
