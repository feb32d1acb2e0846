#pragma once

#include <optional>

#include "reactor/reactor.h"

namespace sluice::tools {

/// SIGINT and SIGTERM for a command that has something to tidy up, and a peer to tell, before it
/// ends by them. What the caller has set to be ignored stays so. Not movable.
class Interrupts {
 public:
  /// From here on they end nothing; `reactor` outlives it.
  explicit Interrupts(Reactor& reactor);
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// Calls `callback`, from the loop, for each that comes; null: nothing.
  void on_signal(Callback callback) { callback_ = std::move(callback); }

  /// Whether one has come, also while the loop does not turn.
  bool came();

  /// Waits, with the loop standing still, until `fd` is ready for `events` (poll(2)) or one has
  /// come: then EINTR.
  Result<void> wait_for(int fd, short events);

  /// Ends the process as the signal that came would have; returns when none came. Only once the
  /// Reactor is gone, or at the end of main().
  static void end_by(std::optional<int> number);
  std::optional<int> number() const { return number_; }

 private:
  void handle(int number);

  Callback callback_;
  std::optional<int> number_;
};

}  // namespace sluice::tools
