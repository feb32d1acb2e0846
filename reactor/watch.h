#pragma once

#include <utility>

#include "reactor/selector.h"

namespace sluice {

class Reactor;

/// A registration with a Reactor; ends when destroyed, at any time, also inside its own callback:
/// after that no call comes, not even for an event that was collected already. The descriptor is
/// its owner's and stays open; end the Watch first, then close. The Reactor must outlive it.
class Watch {
 public:
  Watch() = default;
  Watch(Watch&& other) noexcept
      : reactor_(std::exchange(other.reactor_, nullptr)), token_(other.token_) {}
  Watch& operator=(Watch&& other) noexcept {
    std::swap(reactor_, other.reactor_);
    std::swap(token_, other.token_);
    return *this;
  }
  ~Watch() { reset(); }

  explicit operator bool() const { return reactor_ != nullptr; }
  int fd() const { return token_.fd; }

  /// The Reactor it is registered with; not to be asked of an empty Watch.
  Reactor& reactor() const { return *reactor_; }

  /// Noted at once, told to the kernel before the next wait: changes that cancel out are free.
  void set_interest(Interest interest);
  Interest interest() const;

  /// Ends the registration now.
  void reset();

 private:
  friend class Reactor;
  Watch(Reactor& reactor, Token token) : reactor_(&reactor), token_(token) {}

  Reactor* reactor_ = nullptr;
  Token token_;
};

}  // namespace sluice
