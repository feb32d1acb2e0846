#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "reactor/clock.h"

namespace sluice::udpfile {

/// A token bucket of bytes: what was left unsent may be sent at once later, up to its depth. Takes
/// the time from its caller.
class Pacer {
 public:
  /// Bytes a second, above 0. Its depth is what goes in `depth`, but at least `largest` bytes.
  Pacer(std::uint64_t rate, Duration depth, std::size_t largest, TimePoint now)
      : rate_(static_cast<double>(rate)),
        depth_(std::max(depth, cost(largest))),
        paid_(now - depth_) {}

  /// Takes so many bytes, all or none.
  bool take(std::size_t bytes, TimePoint now) {
    if (wait(bytes, now) > Duration::zero()) return false;
    paid_ = std::max(paid_, now - depth_) + cost(bytes);
    return true;
  }

  /// How long until so many can be taken; zero when they can be now.
  Duration wait(std::size_t bytes, TimePoint now) const {
    return std::max(Duration::zero(), std::max(paid_, now - depth_) + cost(bytes) - now);
  }

  Duration depth() const { return depth_; }

 private:
  Duration cost(std::size_t bytes) const {
    return Duration(static_cast<std::int64_t>(static_cast<double>(bytes) * 1e9 / rate_));
  }

  double rate_;
  Duration depth_;
  TimePoint paid_;  // the time that the bytes so far have used up
};

}  // namespace sluice::udpfile
