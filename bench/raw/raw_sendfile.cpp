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

#include "bench/raw/listen.h"

namespace {

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
  const int listener = listen_on(std::atoi(argv[1]), "raw offer");
  for (;;) {
    const int peer = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) continue;
    send_file(peer, file, about.st_size);
    close(peer);
  }
}
