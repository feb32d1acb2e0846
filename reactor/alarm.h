#pragma once

#include "reactor/clock.h"
#include "reactor/fd.h"
#include "reactor/io_handler.h"
#include "reactor/watch.h"

namespace sluice {

/// Ends the wait of a Reactor when the next timer is due, where that stays the next one for many
/// turns, as the time-outs of connections do. A time-out given to epoll_wait(2) has the kernel
/// start a timer of its own and cancel it again, each turn; this one (timerfd_create(2)) is set
/// once.
class Alarm final : public IoHandler {
 public:
  /// Where the kernel gives no descriptor for it, it covers nothing.
  explicit Alarm(Reactor& reactor);

  /// Whether the wait will end at `deadline` without a time-out. Asked before each wait.
  bool covers(TimePoint deadline) { return deadline == set_for_ || comes_to_cover(deadline); }
  void on_readable() noexcept override;

 private:
  /// Waits for the same deadline until it is worth a system call.
  static constexpr unsigned kLasting = 4;
  static constexpr TimePoint kNever = TimePoint::min();

  bool comes_to_cover(TimePoint deadline);
  bool set(TimePoint deadline);

  TimePoint set_for_ = kNever;
  TimePoint asked_ = kNever;  // the deadline of the last wait
  unsigned times_ = 0;        // that it was asked in a row
  Fd fd_;
  Watch watch_;
};

}  // namespace sluice
