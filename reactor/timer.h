#pragma once

#include <cstdint>
#include <utility>

#include "reactor/clock.h"
#include "reactor/timer_queue.h"

namespace sluice {

/// Calls a closure after a time, once or again and again. Owned by whoever needs the wake-up;
/// destroying it, at any time and also inside its own call, means that no further call comes.
/// The Reactor must outlive it. Never fires early; several with one deadline fire in the order in
/// which they were started.
class Timer {
 public:
  Timer() = default;
  Timer(TimerQueue& queue, Callback callback)
      : queue_(&queue), slot_(queue.create(std::move(callback))) {}
  Timer(Timer&& other) noexcept
      : queue_(std::exchange(other.queue_, nullptr)), slot_(other.slot_) {}
  Timer& operator=(Timer&& other) noexcept {
    std::swap(queue_, other.queue_);
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~Timer() {
    if (queue_) queue_->destroy(slot_);
  }

  explicit operator bool() const { return queue_ != nullptr; }
  bool armed() const { return queue_ && queue_->armed(slot_); }

  /// Fires once after `delay` from now, whatever it was set to before. Negative counts as zero.
  void start(Duration delay) { queue_->start(slot_, deadline_in(delay), Duration::zero()); }

  /// Fires every `period` (above zero), first after one period. Ticks keep their grid; those that a
  /// stall has missed are not made up for, but counted by missed().
  void start_every(Duration period) { queue_->start(slot_, deadline_in(period), period); }

  void stop() {
    if (queue_) queue_->stop(slot_);
  }

  /// How many ticks were left out just before the latest call of a periodic timer.
  std::uint64_t missed() const { return queue_->missed(slot_); }

 private:
  TimePoint deadline_in(Duration delay) const {
    const TimePoint now = queue_->now();
    if (delay < Duration::zero()) return now;
    return delay > TimePoint::max() - now ? TimePoint::max() : now + delay;
  }

  TimerQueue* queue_ = nullptr;
  TimerQueue::Slot slot_ = 0;
};

}  // namespace sluice
