#pragma once

#include <chrono>

#include "reactor/clock.h"

namespace sluice::tftp {

/// How long to wait for an answer before sending again, from what the answers took so far: RFC 6298
/// with a floor for today's networks. Doubles at each loss in a row, but not for long: a way that
/// loses a fifth each way loses one of three exchanges, and each is tried ten times or so.
class RoundTrip {
 public:
  static constexpr Duration kFloor = std::chrono::milliseconds(20);
  static constexpr Duration kFirst = std::chrono::milliseconds(250);  ///< before anything is known
  static constexpr Duration kLossCeiling = std::chrono::seconds(1);   ///< no loss makes it longer
  static constexpr Duration kCeiling = std::chrono::seconds(5);       ///< nor a slow way than this

  /// How long an answer took to what was sent once only (Karn's algorithm).
  void measured(Duration sample);
  /// An answer that is no sample, `since` the last sending: which one it answers nobody knows. But
  /// the losses in a row are over: without this a way that loses much would soon be waited for as
  /// long as may be. What it answers was first sent `at_most` ago: so no round trip is longer,
  /// which is all there is to know where hardly a window passes whole.
  void progressed(Duration since, Duration at_most = Duration::max());
  /// timeout() has passed without an answer.
  void lost();
  Duration timeout() const { return timeout_; }
  /// 0 while nothing was measured.
  Duration smoothed() const { return smoothed_; }
  /// The shortest so far: the way itself, without what waits for a timer at its other end.
  Duration least() const { return known_ ? least_ : Duration::zero(); }

 private:
  Duration usual() const;

  bool known_ = false;  // something was measured
  bool doubled_ = false;
  Duration smoothed_{};
  Duration variation_{};
  Duration least_ = Duration::max();
  Duration timeout_ = kFirst;
};

}  // namespace sluice::tftp
