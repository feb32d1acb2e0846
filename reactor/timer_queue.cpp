#include "reactor/timer_queue.h"

#include <algorithm>

namespace sluice {

TimerQueue::TimerQueue(Clock& clock) : clock_(&clock), quads_(1) {}

/// Apart from now(), so that its callers, all hot, hold no system call.
TimePoint TimerQueue::time_outside_turns() const {
  return clock_->now();
}

TimerQueue::Slot TimerQueue::create(Callback callback) {
  if (free_.empty()) {
    const auto first = static_cast<Slot>(position_.size());
    chunks_.push_back(std::make_unique<SlotState[]>(kChunk));
    position_.resize(first + kChunk, 0);
    periodic_.resize(first + kChunk, 0);
    for (Slot slot = first + kChunk; slot-- > first;) free_.push_back(slot);
  }
  const Slot slot = free_.back();
  free_.pop_back();
  slot_at(slot).callback = std::move(callback);
  slot_at(slot).missed = 0;
  return slot;
}

void TimerQueue::destroy(Slot slot) {
  stop(slot);
  if (slot == running_) {
    doomed_ = true;
    return;
  }
  slot_at(slot).callback.reset();
  free_.push_back(slot);
}

void TimerQueue::start(Slot slot, TimePoint deadline, Duration period) {
  periodic_[slot] = period > Duration::zero();
  if (periodic_[slot]) {
    slot_at(slot).due = deadline;
    slot_at(slot).period = period;
  }
  // INT64_MAX marks the empty places and must stay later than any timer.
  const std::int64_t nanoseconds = std::min(deadline.time_since_epoch().count(), INT64_MAX - 1);
  const Entry entry{nanoseconds, order_++, slot};
  const std::uint32_t place = position_[slot];
  if (place != 0 && !(place & kDue)) {
    replace(place, entry);
    return;
  }
  const std::uint32_t last = kRoot + size_++;
  if (last / 4 == quads_.size()) quads_.emplace_back();
  sift_up(last, entry);
}

void TimerQueue::stop(Slot slot) {
  const std::uint32_t place = position_[slot];
  if (place == 0) return;
  position_[slot] = 0;
  if (!(place & kDue)) take_out(place);
}

void TimerQueue::sift_up(std::uint32_t place, Entry entry) {
  while (place != kRoot) {
    const std::uint32_t parent = place / 4 + 2;
    if (!entry.before(at(parent))) break;
    put(place, at(parent));
    place = parent;
  }
  put(place, entry);
}

void TimerQueue::sift_down(std::uint32_t place, Entry entry) {
  // Empty places hold the latest of all deadlines, so a quad is compared without counting.
  while (place - 2 < quads_.size()) {
    const Quad& children = quads_[place - 2];
    std::uint32_t first = 0;
    for (std::uint32_t i = 1; i < 4; ++i) {
      if (children.entries[i].before(children.entries[first])) first = i;
    }
    if (!children.entries[first].before(entry)) break;
    put(place, children.entries[first]);
    place = (place - 2) * 4 + first;
  }
  put(place, entry);
}

void TimerQueue::replace(std::uint32_t place, Entry entry) {
  if (place != kRoot && entry.before(at(place / 4 + 2))) {
    sift_up(place, entry);
  } else {
    sift_down(place, entry);
  }
}

void TimerQueue::take_out(std::uint32_t place) {
  const std::uint32_t last = kRoot + --size_;
  const Entry moved = at(last);
  at(last) = Entry{};
  if (place != last) replace(place, moved);
}

std::size_t TimerQueue::run_due() {
  const std::int64_t now = now_.time_since_epoch().count();
  while (size_ != 0 && at(kRoot).deadline <= now) {
    const Slot slot = at(kRoot).slot;
    take_out(kRoot);
    position_[slot] = kDue | static_cast<std::uint32_t>(due_.size());
    due_.push_back(slot);
  }
  std::size_t called = 0;
  for (std::uint32_t i = 0; i < due_.size(); ++i) {
    if (position_[due_[i]] != (kDue | i)) continue;  // stopped or restarted meanwhile
    fire(due_[i]);
    ++called;
  }
  due_.clear();
  return called;
}

void TimerQueue::fire(Slot slot) {
  SlotState& state = slot_at(slot);
  position_[slot] = 0;
  if (periodic_[slot]) {
    const Duration late = now_ - state.due;
    state.missed = static_cast<std::uint64_t>(late / state.period);
    start(slot, state.due + state.period * (late / state.period + 1), state.period);
  }
  running_ = slot;
  state.callback();
  running_ = kNoSlot;
  if (std::exchange(doomed_, false)) {
    state.callback.reset();
    free_.push_back(slot);
  }
}

}  // namespace sluice
