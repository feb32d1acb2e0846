#pragma once

#include <sys/types.h>

#include <cstddef>
#include <utility>

#include "reactor/error.h"
#include "reactor/fd.h"

namespace sluice::ftp {

/// A child process that checks passwords against crypt(3) hashes, which takes milliseconds by
/// design (yescrypt about 18), so that the loop never waits for it.
///
/// fork() it before the Reactor exists, and again where it has died: the child closes every
/// descriptor but its socket, has no privileges left, ignores the signals that end the parent, and
/// ends when this object does, when the other end of its socket is closed or when the thread that
/// made it dies. Move-only.
///
/// Its socket keeps the bounds of messages. A question is the hash, a NUL and the password; the
/// answer, in order, is one byte, 1 if crypt(password, hash) gives the hash again and else 0. An
/// empty hash takes as long as one of crypt's preferred method would and is never right.
class PasswordProcess {
 public:
  /// What crypt(3) takes, without the NUL at the end.
  static constexpr std::size_t kMaxPassword = 511;
  static constexpr std::size_t kMaxHash = 383;

  static Result<PasswordProcess> fork();
  PasswordProcess(PasswordProcess&& other) noexcept
      : socket_(std::move(other.socket_)), child_(std::exchange(other.child_, 0)) {}
  PasswordProcess& operator=(PasswordProcess&& other) noexcept {
    std::swap(socket_, other.socket_);
    std::swap(child_, other.child_);
    return *this;
  }
  ~PasswordProcess();

  Fd take_socket() { return std::move(socket_); }
  pid_t pid() const { return child_; }

 private:
  PasswordProcess(Fd socket, pid_t child) : socket_(std::move(socket)), child_(child) {}

  Fd socket_;
  pid_t child_ = 0;
};

}  // namespace sluice::ftp
