#pragma once

#include <chrono>

namespace sluice {

using Duration = std::chrono::nanoseconds;
/// A point on CLOCK_MONOTONIC: never set back, and standing still while the machine is suspended.
using TimePoint = std::chrono::steady_clock::time_point;

/// Where a Reactor takes the time from. Replace it in tests to turn the hands yourself.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() { return std::chrono::steady_clock::now(); }
};

}  // namespace sluice
