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
  static constexpr Duration kLossCeiling = std::chrono::seconds(2);   ///< no loss makes it longer
  static constexpr Duration kCeiling = std::chrono::seconds(5);       ///< nor a slow way than this

  /// How long an answer took to what was sent once only (Karn's algorithm).
  void measured(Duration sample);
  /// An answer that is no sample, `since` the last sending: which one it answers nobody knows. But
  /// the losses in a row are over: without this a way that loses much would soon be waited for as
  /// long as may be.
  void progressed(Duration since);
  /// timeout() has passed without an answer.
  void lost();
  Duration timeout() const { return timeout_; }
  /// 0 while nothing was measured.
  Duration smoothed() const { return smoothed_; }

 private:
  Duration usual() const;

  bool known_ = false;  // something was measured
  bool doubled_ = false;
  Duration smoothed_{};
  Duration variation_{};
  Duration timeout_ = kFirst;
};

}  // namespace sluice::tftp
