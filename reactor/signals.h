#pragma once

#include <csignal>
#include <vector>

#include "reactor/callback.h"
#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/io_handler.h"

namespace sluice {

/// Signals as events: blocked for the process, read from a signalfd, delivered by the Reactor after
/// everything else that was ready in the turn. The mask is put back when this is destroyed.
/// A child inherits the blocked mask across exec (signal(7)); unblock there what it needs.
class Signals final : public IoHandler {
 public:
  Signals() = default;
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() override;

  /// Calls `callback` for every `number` that arrives, in place of what was set before.
  Result<void> handle(int number, Callback callback);

  int fd() const { return fd_.get(); }
  void on_readable() noexcept override { pending_ = true; }

  /// Reads what has come and calls for it, if anything is pending.
  void deliver();

 private:
  struct Handler {
    int number;
    bool blocked_before;
    Callback callback;
  };

  Handler* find(int number);

  Fd fd_;
  sigset_t mask_{};
  std::vector<Handler> handlers_;
  bool pending_ = false;
};

}  // namespace sluice
