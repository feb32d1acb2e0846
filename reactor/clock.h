#pragma once

#include <chrono>
#include <ctime>

namespace sluice {

using Duration = std::chrono::nanoseconds;
/// A point on CLOCK_MONOTONIC: never set back, and standing still while the machine is suspended.
using TimePoint = std::chrono::steady_clock::time_point;

/// Where a Reactor takes the time from. Replace it in tests to turn the hands yourself.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
  }
};

}  // namespace sluice
