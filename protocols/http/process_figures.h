#pragma once

#include <cstdint>
#include <optional>

#include "reactor/clock.h"

namespace sluice::http {

/// What the system says of this process. Nothing for what it does not tell: not every box has
/// /proc mounted.
struct ProcessFigures {
  Duration cpu{};  ///< user and system
  std::optional<std::uint64_t> resident_bytes;
  std::optional<std::uint64_t> open_descriptors;
  std::optional<std::uint64_t> max_descriptors;

  static ProcessFigures read();
};

}  // namespace sluice::http
