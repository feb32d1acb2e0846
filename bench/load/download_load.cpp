// Takes bytes as fast as the peer sends them, until the peer closes, and throws them away.
//
// Usage: download_load HOST:PORT [--ready MESSAGE] [--copy]
//
//   --ready  sends MESSAGE first; \n in it stands for a newline
//   --copy   really receives. Otherwise MSG_TRUNC has the kernel drop the bytes without copying
//            them (tcp(7)), so that the receiver is not what limits the rate
//
// Prints `bytes=N seconds=S mb_per_second=X` (a MB is 1,000,000 bytes).

#include <array>
#include <cstdint>
#include <string_view>

#include "bench/load/load.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: download_load HOST:PORT [--ready MESSAGE] [--copy]\n");
    return 2;
  }
  std::string ready;
  bool copy = false;
  for (int i = 2; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--copy") copy = true;
    if (std::string_view(argv[i]) == "--ready" && i + 1 < argc) ready = argv[++i];
  }
  for (std::size_t at = 0; (at = ready.find("\\n", at)) != std::string::npos; ++at) {
    ready.replace(at, 2, "\n");
  }

  alignas(4096) static std::array<char, 1024 * 1024> memory;
  const int fd = load::connect_to(load::parse_target(argv[1]));
  const double begin = load::seconds_now();
  if (send(fd, ready.data(), ready.size(), MSG_NOSIGNAL) < 0) load::die("send");
  std::uint64_t total = 0;
  while (true) {
    const ssize_t got = recv(fd, memory.data(), memory.size(), copy ? 0 : MSG_TRUNC);
    if (got < 0) load::die("recv");
    if (got == 0) break;
    total += static_cast<std::uint64_t>(got);
  }
  const double seconds = load::seconds_now() - begin;
  std::printf("bytes=%.0f seconds=%.6f mb_per_second=%.0f\n", static_cast<double>(total), seconds,
              static_cast<double>(total) / seconds / 1e6);
}
