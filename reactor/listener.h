#pragma once

#include "reactor/address.h"
#include "reactor/callback.h"
#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/limits.h"
#include "reactor/reactor.h"

namespace sluice {

/// Accepts connections and hands each to its owner: a non-blocking, close-on-exec descriptor, with
/// TCP_NODELAY and SO_KEEPALIVE, and the peer's address. Keeps neither.
///
/// When the process has no descriptor left, it takes a spare one to accept and close what waits, so
/// that those clients learn of it at once, rests for limits::kAcceptPause and goes on by itself;
/// on_exhausted, when given, is called once for each such spell (see limits::kExhaustedQuiet).
/// Errors of a single connection (accept(2), "Error handling") are passed over. Not movable.
class Listener final : public IoHandler {
 public:
  using OnAccept = Function<void(Fd, const Address&)>;

  Listener(Reactor& reactor, OnAccept on_accept)
      : reactor_(&reactor), on_accept_(std::move(on_accept)) {}
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// EADDRINUSE, EADDRNOTAVAIL, EACCES …: see bind(2) and listen(2).
  Result<void> listen(const Address& address, int backlog = limits::kListenBacklog);
  /// Takes over a socket that listens already.
  Result<void> adopt(Fd socket);

  /// The socket, for options that the accepted ones inherit; -1 while it does not listen.
  int fd() const { return socket_.get(); }
  /// Where it listens; after port 0 the port that the kernel chose.
  const Address& address() const { return address_; }

  /// Leaves new connections in the kernel's queue. May be called from inside OnAccept: the next one
  /// of the same batch is not accepted any more.
  void pause();
  void resume();

  /// Stops listening; clients are refused from now on. May be called from inside OnAccept.
  void close();

  void on_exhausted(Function<void(Error)> callback) { on_exhausted_ = std::move(callback); }

  void on_readable() noexcept override;

 private:
  enum class Verdict { retry, ask_later, exhausted };
  static Verdict judge(int code);
  void shed(Error error);
  void update_interest();

  Reactor* reactor_;
  OnAccept on_accept_;
  Function<void(Error)> on_exhausted_;
  Fd socket_;
  Fd spare_;
  Address address_;
  Timer rest_;
  bool paused_ = false;
  int batch_ = 1;                       // at most so many in this turn
  std::uint64_t more_in_turn_ = 0;      // who is ready in this one, too, has more waiting
  std::optional<TimePoint> exhausted_;  // when it last was
  Watch watch_;
};

}  // namespace sluice
