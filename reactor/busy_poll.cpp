#include "reactor/busy_poll.h"

#include <algorithm>
#include <utility>

namespace sluice {

Result<std::span<const Ready>> BusyPoll::select_expecting(Selector& selector, Duration timeout) {
  const Duration expected = std::exchange(expected_, kNothing);
  if (expected > kLongest || timeout == Duration::zero()) return selector.select_flushed(timeout);
  if (left_ != 0) {
    --left_;
    return selector.select_flushed(timeout);
  }
  const Duration most = timeout < Duration::zero() ? 2 * expected : std::min(2 * expected, timeout);
  for (const TimePoint began = clock_->now();;) {
    auto ready = selector.select_flushed(Duration::zero());
    const Duration lasted = clock_->now() - began;
    const bool found = !ready || !ready->empty();
    if (!found && lasted < most) continue;
    ended(found, lasted);
    return found ? ready : selector.select_flushed(timeout);
  }
}

void BusyPoll::ended(bool found, Duration lasted) {
  const bool preempted = lasted > kPreempted;
  if (found && !preempted) {
    if (++row_ % kRow == 0) rest_ /= 2;
    return;
  }
  row_ = 0;
  left_ = rest_ = preempted ? kMostRest : std::clamp(2 * rest_, 1U, kMostRest);
}

}  // namespace sluice
