#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "reactor/callback.h"
#include "reactor/clock.h"

namespace sluice {

/// All timers of one Reactor: a 4-ary heap on (deadline, order of starting), so that equal
/// deadlines fire first come, first served. Start, stop and restart are O(log n), a stopped timer
/// leaves the heap at once, and looking at the next deadline is free.
///
/// Users hold a `Timer`; the queue itself is the Reactor's.
class TimerQueue {
 public:
  using Slot = std::uint32_t;

  explicit TimerQueue(Clock& clock);
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  Slot create(Callback callback);
  /// May be called from inside the slot's own callback, whose closure then lives until it returns.
  void destroy(Slot slot);
  void start(Slot slot, TimePoint deadline, Duration period);
  void stop(Slot slot);
  bool armed(Slot slot) const { return position_[slot] != 0; }
  std::uint64_t missed(Slot slot) const { return slot_at(slot).missed; }

  bool empty() const { return size_ == 0; }
  /// At the time that is held.
  bool any_due() const {
    return size_ != 0 && at(kRoot).deadline <= now_.time_since_epoch().count();
  }
  TimePoint next_deadline() const { return TimePoint(Duration(at(kRoot).deadline)); }

  /// Fires what is due. All that is due is taken out of the heap first and called then: a timer
  /// that a callback starts anew, even with no delay, waits for the next turn, so that it cannot
  /// starve the loop. One that a callback stops is not called. Returns how many were called.
  std::size_t run_due();

  /// The time of this turn; outside of turns, the time.
  TimePoint now() const { return held_ ? now_ : time_outside_turns(); }
  /// Takes the time anew and holds it until release_time().
  void hold_time() { now_ = clock_->now(), held_ = true; }
  void release_time() { held_ = false; }

 private:
  struct Entry {
    std::int64_t deadline = INT64_MAX;  // nanoseconds; an empty place is later than all others
    std::uint32_t order = 0;
    Slot slot = 0;
    bool before(const Entry& other) const {
      if (deadline != other.deadline) return deadline < other.deadline;
      return static_cast<std::int32_t>(order - other.order) < 0;
    }
  };
  /// Four siblings, one cache line. With the root at place 3, the children of place p are exactly
  /// the entries of quad p - 2, and its parent is place p / 4 + 2.
  struct alignas(64) Quad {
    Entry entries[4];
  };
  struct SlotState {
    Callback callback;
    TimePoint due{};    // of a periodic timer: the tick it waits for
    Duration period{};  // and the time between two ticks
    std::uint64_t missed = 0;
  };

  static constexpr std::uint32_t kRoot = 3;
  static constexpr std::uint32_t kDue = 0x8000'0000;  // taken out of the heap, not called yet
  static constexpr std::uint32_t kChunk = 64;
  static constexpr Slot kNoSlot = UINT32_MAX;

  Entry& at(std::uint32_t place) { return quads_[place / 4].entries[place % 4]; }
  const Entry& at(std::uint32_t place) const { return quads_[place / 4].entries[place % 4]; }
  SlotState& slot_at(Slot slot) { return chunks_[slot / kChunk][slot % kChunk]; }
  const SlotState& slot_at(Slot slot) const { return chunks_[slot / kChunk][slot % kChunk]; }
  void put(std::uint32_t place, const Entry& entry) {
    at(place) = entry;
    position_[entry.slot] = place;
  }
  TimePoint time_outside_turns() const;
  void sift_up(std::uint32_t place, Entry entry);
  void sift_down(std::uint32_t place, Entry entry);
  void replace(std::uint32_t place, Entry entry);
  void take_out(std::uint32_t place);
  void fire(Slot slot);

  Clock* clock_;
  TimePoint now_{};
  bool held_ = false;
  std::uint32_t order_ = 0;
  std::uint32_t size_ = 0;
  std::vector<Quad> quads_;
  std::vector<std::uint32_t> position_;  // by slot: 0 at rest, a place in the heap, or kDue | index
  std::vector<std::uint8_t>
      periodic_;  // by slot; beside position_, so that a start stays in the cache
  std::vector<std::unique_ptr<SlotState[]>> chunks_;  // callbacks never move while they run
  std::vector<Slot> free_;
  std::vector<Slot> due_;
  Slot running_ = kNoSlot;
  bool doomed_ = false;  // the running slot was destroyed by its own callback
};

}  // namespace sluice
