#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>

/// Which calls fail, and how: dice with a seed, and what earlier faults have done to a descriptor.
/// For one thread and one source file, faults.cpp. Allocates nothing.
namespace sluice::fault {

/// A set of kinds of fault, in the order of kNames.
using Kinds = unsigned;
inline constexpr Kinds kShort = 1, kEintr = 2, kEagain = 4, kReset = 8, kNospace = 16, kNofile = 32;
inline constexpr std::array kNames = {"short", "eintr", "eagain", "reset", "nospace", "nofile"};

/// What lasts: the connection was reset; the next write to the file finds the disk full.
enum class Mark : std::uint8_t { reset = 1, full = 2 };

// The calls that are themselves wrapped, as they really are: defined in faults.cpp.
void say(const char* text, std::size_t size);
int status_flags(int fd);

struct Plan {
  std::uint64_t seed = 0;
  std::uint64_t dice = 0;
  std::uint64_t per_mille = 0;
  Kinds kinds = 0;
  std::array<unsigned long, kNames.size()> injected{};
  std::array<std::uint8_t, 1 << 16> marks{};  // by descriptor
};
inline constinit Plan plan;

/// Marsaglia's xorshift with the shifts 13, 7, 17, its low bits left out.
inline std::uint64_t roll() {
  plan.dice ^= plan.dice << 13;
  plan.dice ^= plan.dice >> 7;
  plan.dice ^= plan.dice << 17;
  return plan.dice >> 11;
}

/// At least 1, fewer than `size`, which is at least 2.
inline std::size_t some_of(std::size_t size) {
  return 1 + roll() % (size - 1);
}

inline long failed(int code) {
  errno = code;
  return -1;
}

/// One of `wanted` to happen now, or mostly 0.
inline Kinds strike(Kinds wanted) {
  wanted &= plan.kinds;
  if (wanted == 0 || roll() % 1000 >= plan.per_mille) return 0;
  for (auto skip = roll() % static_cast<unsigned>(std::popcount(wanted)); skip != 0; --skip) {
    wanted &= wanted - 1;
  }
  ++plan.injected[static_cast<std::size_t>(std::countr_zero(wanted))];
  return wanted & -wanted;
}

/// Those of `wanted` that this descriptor can show. Only streams and files give a part: a datagram
/// is whole, and so is what an eventfd or a signalfd tells. `waits` is false for a call that was
/// told not to.
inline Kinds possible(int fd, Kinds wanted, bool waits) {
  struct stat status{};
  if (fstat(fd, &status) != 0) return 0;
  int type = 0;
  socklen_t size = sizeof type;
  const bool stream = S_ISSOCK(status.st_mode) &&
                      getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
  const bool file = S_ISREG(status.st_mode);
  if (!stream && !file && !S_ISFIFO(status.st_mode)) wanted &= ~kShort;
  if (!stream) wanted &= ~kReset;
  if (!file) wanted &= ~kNospace;
  if (file || (waits && (status_flags(fd) & O_NONBLOCK) == 0)) wanted &= ~kEagain;
  return wanted;
}

inline Kinds strike(int fd, Kinds wanted, bool waits) {
  if ((wanted & plan.kinds) == 0) return 0;
  const int saved = errno;
  wanted = possible(fd, wanted, waits);
  errno = saved;
  return strike(wanted);
}

inline bool is_written_file(int fd) {
  const int saved = errno;
  struct stat status{};
  const bool file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  const bool written = file && (status_flags(fd) & O_ACCMODE) != O_RDONLY;
  errno = saved;
  return written;
}

inline std::uint8_t* marks_of(int fd) {
  const auto slot = static_cast<std::size_t>(fd);
  return slot < plan.marks.size() ? &plan.marks[slot] : nullptr;
}
inline bool has(int fd, Mark mark) {
  const std::uint8_t* marks = marks_of(fd);
  return marks && (*marks & static_cast<std::uint8_t>(mark)) != 0;
}
inline void set(int fd, Mark mark) {
  if (std::uint8_t* marks = marks_of(fd)) *marks |= static_cast<std::uint8_t>(mark);
}
inline bool take(int fd, Mark mark) {
  if (!has(fd, mark)) return false;
  *marks_of(fd) &= static_cast<std::uint8_t>(~static_cast<unsigned>(mark));
  return true;
}
inline void forget(int fd) {
  if (std::uint8_t* marks = marks_of(fd)) *marks = 0;
}

}  // namespace sluice::fault
