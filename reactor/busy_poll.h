#pragma once

#include <chrono>
#include <span>

#include "reactor/clock.h"
#include "reactor/selector.h"

namespace sluice {

/// A wait that first looks again and again (busy polling, as SO_BUSY_POLL of socket(7) has the
/// kernel do for a device), where a handler has said that an answer is only microseconds away. To
/// go to sleep and to be woken takes as long, of this processor's time and of the peer's, which has
/// to wake it: looking costs little more, and sees the answer sooner.
///
/// Only as long as that holds. Where the peer shares our processor it cannot answer before we
/// sleep; so each look in vain leaves out twice as many waits as the one before. Where another
/// process took the processor from us while we looked, it would again: who sleeps much is let in
/// at once, who looks has to wait for its turn.
class BusyPoll {
 public:
  /// An answer that takes longer is slept for: looking would take a processor for nothing.
  static constexpr Duration kLongest = std::chrono::microseconds(100);
  /// Waits that are left out behind a look in vain, at most; and the looks in a row that have to
  /// succeed for half as many.
  static constexpr unsigned kMostRest = 4096;
  static constexpr unsigned kRow = 8;
  /// No look takes as long if nobody else has the processor meanwhile.
  static constexpr Duration kPreempted = 5 * kLongest;

  /// `clock` outlives it; the real one, as what is looked at is the kernel.
  explicit BusyPoll(Clock& clock) : clock_(&clock) {}

  /// For the next wait only: something should be ready in about so long.
  void expect(Duration answer) { expected_ = answer; }
  /// Selector::select_flushed(), with a look before it where that is worth while.
  Result<std::span<const Ready>> select(Selector& selector, Duration timeout) {
    if (expected_ == kNothing) [[likely]]
      return selector.select_flushed(timeout);
    return select_expecting(selector, timeout);
  }

 private:
  static constexpr Duration kNothing = Duration::max();

  Result<std::span<const Ready>> select_expecting(Selector& selector, Duration timeout);
  void ended(bool found, Duration lasted);

  Clock* clock_;
  Duration expected_ = kNothing;
  unsigned rest_ = 0;  // waits that the last look in vain left out; halved by those that succeed
  unsigned left_ = 0;  // of them still to come
  unsigned row_ = 0;   // looks that succeeded since
};

}  // namespace sluice
