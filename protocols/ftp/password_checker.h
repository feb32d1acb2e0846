#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "protocols/ftp/password_process.h"
#include "reactor/callback.h"
#include "reactor/clock.h"
#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/io_handler.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"
#include "reactor/watch.h"

namespace sluice::ftp {

/// The Reactor's side of a PasswordProcess: asks it, in order, one question at a time. Must not be
/// destroyed inside a `done`; no `done` is called after its end. Passwords are wiped after use.
class PasswordChecker final : public IoHandler {
 public:
  using OnChecked = Function<void(Result<bool>)>;
  using Ticket = std::uint64_t;

  /// Checks that may wait at once: at 18 ms each nobody would see the end of more.
  static constexpr std::size_t kMaxWaiting = 10'000;
  static constexpr Duration kRestartPause = std::chrono::seconds(1);

  /// The socket of another PasswordProcess.
  using Restart = Function<Result<Fd>()>;

  /// `restart`, if given, is called when the process has died and somebody is to be checked, after
  /// a pause of kRestartPause at least since it was called before.
  PasswordChecker(Reactor& reactor, Fd socket, Restart restart = {});
  PasswordChecker(const PasswordChecker&) = delete;
  PasswordChecker& operator=(const PasswordChecker&) = delete;

  /// Calls `done` later, never from inside this call: whether crypt(password, hash) gives `hash`
  /// again; EPIPE when the process died of it, or is gone and there is no other, EAGAIN when
  /// kMaxWaiting wait already. An empty `hash` stands for a user who does not exist: it takes as
  /// long as a real check (of crypt's preferred method) and gives false. So does a password that
  /// crypt cannot take, over 511 bytes or with a NUL in it. `done` may call check() and forget().
  Ticket check(std::string_view password, std::string_view hash, OnChecked done);
  /// `done` of that check is not called any more. Nothing happens when it was already.
  void forget(Ticket ticket);

  void on_readable() noexcept override;

 private:
  /// A message to the process. On the heap, where moving it leaves no copy of the password behind.
  class Question {
   public:
    Question(std::string_view hash, std::string_view password);
    Question(Question&& other) noexcept = default;
    Question& operator=(Question&& other) noexcept {
      bytes_.swap(other.bytes_);
      return *this;
    }
    ~Question() { wipe(); }
    void wipe();
    std::span<const char> bytes() const { return bytes_; }

   private:
    std::vector<char> bytes_;
  };
  struct Check {
    Ticket ticket;
    Question question;
    OnChecked done;
  };
  struct Refusal {
    Ticket ticket;
    Error error;
    OnChecked done;
  };

  void ask();
  void refuse(Check check, Error error);
  void refuse_first(Error error);
  void lose_process();
  bool use(Fd socket);
  bool start_another();
  void tell_refused();

  Reactor* reactor_;
  Restart restart_;
  TimePoint restart_from_{};
  Fd socket_;
  Watch watch_;
  std::deque<Check> waiting_;
  bool asked_ = false;  ///< the first of waiting_ is with the process
  std::deque<Refusal> refused_;
  Timer telling_;  ///< armed while refused_ holds something
  Ticket last_ = 0;
};

}  // namespace sluice::ftp
