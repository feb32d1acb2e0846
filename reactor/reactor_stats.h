#pragma once

#include <cstdint>

#include "reactor/clock.h"

namespace sluice {

/// Counted since the Reactor was made. Times are of callbacks: how long the loop was kept from
/// waiting, in all and at most in one turn.
struct ReactorStats {
  std::uint64_t turns = 0;
  std::uint64_t events = 0;
  std::uint64_t stale_events = 0;      ///< collected for a registration that had ended since
  std::uint64_t interest_refused = 0;  ///< changes of interest that the kernel put off
  std::uint64_t accepts_shed = 0;      ///< connections closed at the descriptor limit
  std::uint64_t accept_pauses = 0;
  std::uint64_t budgets_exhausted = 0;
  std::uint64_t timers_fired = 0;
  std::uint64_t posts_run = 0;
  std::uint64_t retired = 0;
  Duration busy{};
  Duration slowest_turn{};
};

}  // namespace sluice
