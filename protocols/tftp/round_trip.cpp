#include "protocols/tftp/round_trip.h"

#include <algorithm>
#include <utility>

namespace sluice::tftp {

void RoundTrip::measured(Duration sample) {
  // No real one is longer; and the sums below cannot overflow.
  sample = std::clamp(sample, Duration::zero(), Duration(std::chrono::hours(1)));
  least_ = std::min(least_, sample);
  if (!known_) {
    known_ = true;
    smoothed_ = sample;
    variation_ = sample / 2;
  } else {
    const Duration off = sample > smoothed_ ? sample - smoothed_ : smoothed_ - sample;
    variation_ += (off - variation_) / 4;
    smoothed_ += (sample - smoothed_) / 8;
  }
  doubled_ = false;
  timeout_ = usual();
}

/// An answer that comes late may be to the first sending: then the next one is waited for longer.
void RoundTrip::progressed(Duration since, Duration at_most) {
  if (at_most < (known_ ? smoothed_ / 2 : kFirst)) {
    known_ = false;
    return measured(at_most);
  }
  if (!std::exchange(doubled_, false)) return;
  timeout_ = std::max(usual(), std::min(2 * since, kCeiling));
}

Duration RoundTrip::usual() const {
  return known_ ? std::clamp(smoothed_ + 4 * variation_, kFloor, kCeiling) : kFirst;
}

void RoundTrip::lost() {
  doubled_ = true;
  timeout_ = std::max(timeout_, std::min(2 * timeout_, kLossCeiling));
}

}  // namespace sluice::tftp
