#include <poll.h>

#include "reactor/limits.h"
#include "reactor/selector_backends.h"

namespace sluice {
namespace {

short to_events(Interest interest) {
  return static_cast<short>((any(interest & Interest::read) ? POLLIN : 0) |
                            (any(interest & Interest::write) ? POLLOUT : 0));
}

Interest to_interest(short events) {
  if (events & (POLLHUP | POLLERR)) return Interest::read_write;
  return (events & POLLIN ? Interest::read : Interest::none) |
         (events & POLLOUT ? Interest::write : Interest::none);
}

/// poll(2) is handed the whole table at every call, so the table is kept dense: the last entry
/// takes the place of one that leaves.
class PollSelector final : public Selector {
 public:
  std::string_view name() const override { return "poll"; }

 protected:
  Result<void> update(Token token, Interest before, Interest now) override {
    if (!any(before)) {
      if (auto pollable = check_pollable(token.fd); !pollable) return pollable;
    }
    const auto slot = static_cast<std::size_t>(token.fd);
    if (slot >= index_.size()) index_.resize(slot + 1, kAbsent);
    if (any(now) && index_[slot] == kAbsent) {
      index_[slot] = polled_.size();
      polled_.push_back({token.fd, to_events(now), 0});
      generations_.push_back(token.generation);
    } else if (any(now)) {
      polled_[index_[slot]].events = to_events(now);
    } else if (index_[slot] != kAbsent) {
      drop(index_[slot]);
    }
    return {};
  }

  int wait(int milliseconds) override {
    collected_.clear();
    int left = poll(polled_.data(), polled_.size(), milliseconds);
    if (left < 0) return errno == EINTR ? 0 : -errno;
    // Starts where the last turn ended, so that a full batch does not favour the low entries.
    const std::size_t count = polled_.size();
    if (start_ >= count) start_ = 0;
    std::size_t at = start_;
    for (std::size_t seen = 0; seen < count && left > 0;
         ++seen, at = at + 1 == count ? 0 : at + 1) {
      if (polled_[at].revents == 0) continue;
      --left;
      if (polled_[at].revents & POLLNVAL) {  // closed by its owner without being removed
        polled_[at].fd = ~polled_[at].fd;    // poll(2) passes over what is negative
        continue;
      }
      collected_.push_back({{polled_[at].fd, generations_[at]}, to_interest(polled_[at].revents)});
      if (collected_.size() == limits::kEventsPerTurn) break;
    }
    start_ = at;
    ready_ = collected_.data();
    return static_cast<int>(collected_.size());
  }

 private:
  static constexpr std::size_t kAbsent = SIZE_MAX;

  std::size_t& index_of(const pollfd& entry) {
    return index_[static_cast<std::size_t>(entry.fd < 0 ? ~entry.fd : entry.fd)];
  }

  void drop(std::size_t at) {
    index_of(polled_[at]) = kAbsent;
    if (at + 1 != polled_.size()) {
      polled_[at] = polled_.back();
      generations_[at] = generations_.back();
      index_of(polled_[at]) = at;
    }
    polled_.pop_back();
    generations_.pop_back();
  }

  std::vector<pollfd> polled_;
  std::vector<std::uint32_t> generations_;  // beside polled_, entry by entry
  std::vector<std::size_t> index_;          // by descriptor: where in polled_
  std::vector<Ready> collected_;
  std::size_t start_ = 0;
};

}  // namespace

Result<std::unique_ptr<Selector>> make_poll_selector() {
  return std::make_unique<PollSelector>();
}

}  // namespace sluice
