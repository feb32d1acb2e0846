#pragma once

#include <algorithm>
#include <chrono>

namespace sluice::tools {

/// How long to wait before another try: 1, 2, 4, … seconds, a minute at most.
inline std::chrono::seconds pause_after(unsigned failed) {
  constexpr unsigned kMaxDoublings = 6;
  return std::min(std::chrono::seconds(60),
                  std::chrono::seconds(1 << std::min(failed, kMaxDoublings)));
}

}  // namespace sluice::tools
