#pragma once

#include <cstdint>
#include <string>

#include "reactor/callback.h"
#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/reactor.h"

namespace sluice {

/// Tells when a network interface of this machine comes, goes, or goes up or down: rtnetlink(7),
/// RTMGRP_LINK. Not movable.
class LinkWatch final : public IoHandler {
 public:
  enum class Event : std::uint8_t {
    changed,   ///< it is there, `up` or not
    removed,   ///< it is gone; one that comes back with its name has a number of its own
    uncertain  ///< the kernel lost messages: look at all interfaces anew; name and index say
               ///< nothing
  };
  struct Change {
    Event event = Event::uncertain;
    unsigned index = 0;
    std::string name;
    bool up = false;
  };
  using OnChange = Function<void(const Change&)>;

  LinkWatch(Reactor& reactor, OnChange on_change)
      : reactor_(&reactor), on_change_(std::move(on_change)) {}
  LinkWatch(const LinkWatch&) = delete;
  LinkWatch& operator=(const LinkWatch&) = delete;

  /// Starts telling. Changes from before are not told: look at interfaces() after it.
  Result<void> start();

  void on_readable() noexcept override;

 private:
  Reactor* reactor_;
  OnChange on_change_;
  Fd socket_;
  Watch watch_;
};

}  // namespace sluice
