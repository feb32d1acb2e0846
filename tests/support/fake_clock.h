#pragma once

#include "reactor/clock.h"

/// A clock whose hands the test turns.
class FakeClock final : public sluice::Clock {
 public:
  sluice::TimePoint now() override { return now_; }
  void advance(sluice::Duration by) { now_ += by; }
  void set(sluice::TimePoint to) { now_ = to; }

 private:
  sluice::TimePoint now_{std::chrono::hours(1)};
};
