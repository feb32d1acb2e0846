// One upload after the other by recv and write, nothing else: the baseline of `sluice serve
// --drop`.
//
// Usage: raw_recv_write PORT FILE [BUFFER_KIB]     (PORT 0 takes any free port; 128 KiB by default)
//
// All bytes of one connection replace FILE. Closing is the receipt: the sender waits for it.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "bench/raw/listen.h"

namespace {

constexpr std::size_t kMostBytes = 1024 * 1024;
alignas(4096) char buffer[kMostBytes];  // the kernel copies fastest into aligned memory

bool write_all(int fd, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = write(fd, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool store(int peer, int file, std::size_t size) {
  for (;;) {
    const ssize_t got = recv(peer, buffer, size, 0);
    if (got == 0) return true;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || !write_all(file, buffer, static_cast<std::size_t>(got))) return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: raw_recv_write PORT FILE [BUFFER_KIB]\n");
    return 2;
  }
  const std::size_t kib = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 128;
  const std::size_t size = std::clamp<std::size_t>(kib * 1024, 1024, kMostBytes);
  const int listener = listen_on(std::atoi(argv[1]), "raw drop");
  for (;;) {
    const int peer = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) continue;
    const int file = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0 || !store(peer, file, size)) std::perror(argv[2]);
    if (file >= 0) close(file);
    close(peer);
  }
}
