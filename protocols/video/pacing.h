#pragma once

#include <algorithm>
#include <cstddef>

#include "reactor/clock.h"

namespace sluice::video {

/// How the datagrams of a frame are spread over time. All at once would be more than a receiver's
/// socket holds: 212,992 bytes on Linux unless it asks for more, the kernel's own overhead
/// included, where a frame of the UDP format has 921,620. So a frame goes in bursts with gaps
/// between them, and is out after half of the time to the next one at the latest.
class Pacing {
 public:
  /// Enough for a receiver to be woken and to read a burst.
  static constexpr Duration kGap = std::chrono::milliseconds(2);

  /// A frame has come: learns how far apart they are.
  void frame(TimePoint now) {
    const Duration period = std::min<Duration>(now - last_, kLongest);
    last_ = now;
    // The longer of the last two, as one that came early tells nothing.
    period_ = std::max(period, previous_);
    previous_ = period;
  }
  /// How long to wait after each burst of a frame that takes so many.
  Duration gap(std::size_t bursts) const {
    return std::min<Duration>(kGap, period_ / 2 / static_cast<int>(bursts));
  }

 private:
  static constexpr Duration kLongest = std::chrono::milliseconds(40);  // 25 frames a second

  TimePoint last_{};
  Duration previous_ = kLongest;
  Duration period_ = kLongest;
};

}  // namespace sluice::video
