#pragma once

#include <cstddef>
#include <span>

#include "reactor/error.h"

namespace sluice::tftp {

/// What is sent, from its first byte to its last, once.
class Source {
 public:
  virtual ~Source() = default;
  /// Fills `out`; less of it, nothing included, only at the end.
  virtual Result<std::size_t> read(std::span<std::byte> out) = 0;
  /// Whether its bytes come by and by, as through a pipe: then it is asked for a block when there
  /// is to be one, and for nothing ahead, so that each leaves when it is full.
  virtual bool slow() const { return false; }
};

/// Where what is received goes.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Result<void> write(std::span<const std::byte> bytes) = 0;
  /// It is whole. Called before the last acknowledgement, so that the sender learns of a failure.
  virtual Result<void> finish() = 0;
};

}  // namespace sluice::tftp
