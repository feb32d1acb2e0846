#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

/// The least a timer queue can be: a 4-ary heap of {deadline, id} in one vector, and for each id
/// its place in it, so that stopping needs no search. No order among equals, no callbacks.
class FourHeap {
 public:
  /// Ids run from 0 to `ids` - 1, each armed at most once.
  explicit FourHeap(std::uint32_t ids) : place_(ids, kNowhere) { entries_.reserve(ids); }

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  std::int64_t first_deadline() const { return entries_.front().deadline; }
  std::uint32_t first_id() const { return entries_.front().id; }

  void start(std::uint32_t id, std::int64_t deadline) {
    entries_.push_back({deadline, id});
    rise(entries_.size() - 1, {deadline, id});
  }

  void stop(std::uint32_t id) {
    const std::size_t at = place_[id];
    place_[id] = kNowhere;
    const Entry last = entries_.back();
    entries_.pop_back();
    if (at < entries_.size()) settle(at, last);
  }

  void restart(std::uint32_t id, std::int64_t deadline) { settle(place_[id], {deadline, id}); }

 private:
  struct Entry {
    std::int64_t deadline;
    std::uint32_t id;
  };
  static constexpr std::uint32_t kNowhere = UINT32_MAX;

  void put(std::size_t at, Entry entry) {
    entries_[at] = entry;
    place_[entry.id] = static_cast<std::uint32_t>(at);
  }

  void settle(std::size_t at, Entry entry) {
    if (at > 0 && entry.deadline < entries_[(at - 1) / 4].deadline) {
      rise(at, entry);
    } else {
      sink(at, entry);
    }
  }

  void rise(std::size_t at, Entry entry) {
    while (at > 0 && entry.deadline < entries_[(at - 1) / 4].deadline) {
      put(at, entries_[(at - 1) / 4]);
      at = (at - 1) / 4;
    }
    put(at, entry);
  }

  void sink(std::size_t at, Entry entry) {
    const std::size_t size = entries_.size();
    for (std::size_t child = at * 4 + 1; child < size; child = at * 4 + 1) {
      const std::size_t end = child + 4 < size ? child + 4 : size;
      std::size_t least = child;
      for (std::size_t i = child + 1; i < end; ++i) {
        if (entries_[i].deadline < entries_[least].deadline) least = i;
      }
      if (entry.deadline <= entries_[least].deadline) break;
      put(at, entries_[least]);
      at = least;
    }
    put(at, entry);
  }

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> place_;
};
