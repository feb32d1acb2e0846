#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace sluice {

/// Owns one file descriptor and closes it once. Move-only.
///
/// Every factory of the library returns an `Fd`, and no function that takes a plain `int` owns it.
/// Where an object holds an `Fd` and the `Watch` on it, the `Fd` is declared first, so that the
/// registration ends before the descriptor is closed.
class Fd {
 public:
  Fd() = default;
  /// Takes over `fd`; a negative number means "none".
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  /// Gives the descriptor away; the caller closes it.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

  /// Closes what is held and takes over `fd`. Keeps errno. close() is not retried after EINTR:
  /// Linux has freed the number by then (close(2), "Dealing with error returns").
  void reset(int fd = -1) {
    if (fd_ >= 0) {
      const int saved = errno;
      ::close(fd_);
      errno = saved;
    }
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace sluice
