// Sends bytes as fast as the peer takes them, then waits until the peer has closed.
//
// Usage: upload_load HOST:PORT BYTES
//
// Prints `bytes=N seconds=S mb_per_second=X` (a MB is 1,000,000 bytes). The time ends with the
// peer's close, hence after it has dealt with the last byte.

#include <algorithm>
#include <array>
#include <cstdint>

#include "bench/load/load.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: upload_load HOST:PORT BYTES\n");
    return 2;
  }
  alignas(4096) static std::array<char, 1024 * 1024> memory;
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<char>(i % 251);
  const std::uint64_t total = std::strtoull(argv[2], nullptr, 10);
  const int fd = load::connect_to(load::parse_target(argv[1]));

  const double begin = load::seconds_now();
  for (std::uint64_t left = total; left > 0;) {
    const ssize_t sent =
        send(fd, memory.data(), std::min<std::uint64_t>(memory.size(), left), MSG_NOSIGNAL);
    if (sent < 0) load::die("send");
    left -= static_cast<std::uint64_t>(sent);
  }
  shutdown(fd, SHUT_WR);
  while (true) {
    const ssize_t got = recv(fd, memory.data(), memory.size(), 0);
    if (got < 0) load::die("recv");
    if (got == 0) break;
  }
  const double seconds = load::seconds_now() - begin;
  std::printf("bytes=%.0f seconds=%.6f mb_per_second=%.0f\n", static_cast<double>(total), seconds,
              static_cast<double>(total) / seconds / 1e6);
}
