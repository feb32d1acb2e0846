// One download after the other by sendfile, nothing else: the baseline of `sluice serve --offer`.
//
// Usage: raw_sendfile PORT FILE     (PORT 0 takes any free port)
//
// Whoever connects gets the bytes of FILE, then the connection closes. Nothing is read.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

int listen_on(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(fd, generic, size) != 0 || listen(fd, 16) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  getsockname(fd, generic, &size);
  std::printf("raw offer listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

void send_file(int peer, int file, off_t size) {
  for (off_t offset = 0; offset < size;) {
    const ssize_t sent = sendfile(peer, file, &offset, static_cast<std::size_t>(size - offset));
    if (sent == 0 || (sent < 0 && errno != EINTR)) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: raw_sendfile PORT FILE\n");
    return 2;
  }
  const int file = open(argv[2], O_RDONLY | O_CLOEXEC);
  struct stat about{};
  if (file < 0 || fstat(file, &about) != 0) {
    std::perror(argv[2]);
    return 1;
  }
  std::signal(SIGPIPE, SIG_IGN);  // sendfile has no MSG_NOSIGNAL
  const int listener = listen_on(std::atoi(argv[1]));
  for (;;) {
    const int peer = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) continue;
    send_file(peer, file, about.st_size);
    close(peer);
  }
}
