#include <sys/epoll.h>

#include <array>

#include "reactor/fd.h"
#include "reactor/limits.h"
#include "reactor/selector_backends.h"

namespace sluice {
namespace {

static_assert(EPOLLIN == 1 && EPOLLOUT == 4, "to_interest() below shifts these bits");

std::uint32_t to_events(Interest interest) {
  return (any(interest & Interest::read) ? EPOLLIN : 0u) |
         (any(interest & Interest::write) ? EPOLLOUT : 0u);
}

Interest to_interest(std::uint32_t events) {
  if (events & (EPOLLHUP | EPOLLERR)) [[unlikely]]
    return Interest::read_write;
  return static_cast<Interest>((events & EPOLLIN) | ((events & EPOLLOUT) >> 1));
}

/// The generation travels through the kernel beside the number: an event that was collected for
/// an earlier owner of the number is told apart.
std::uint64_t to_data(Token token) {
  return static_cast<std::uint64_t>(token.generation) << 32 | static_cast<std::uint32_t>(token.fd);
}

class EpollSelector final : public Selector {
 public:
  explicit EpollSelector(Fd epoll) : epoll_(std::move(epoll)) {}
  std::string_view name() const override { return "epoll"; }

 protected:
  Result<void> update(Token token, Interest before, Interest now) override {
    if (before == now) {
      // Nothing to wait for yet, but a bad descriptor is to be refused by add(), not later.
      return any(now) ? Result<void>{} : check_pollable(token.fd);
    }
    const int operation = !any(before) ? EPOLL_CTL_ADD : any(now) ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
    epoll_event event{.events = to_events(now), .data = {.u64 = to_data(token)}};
    ++kernel_calls_;
    if (epoll_ctl(epoll_.get(), operation, token.fd, &event) < 0) return fail("epoll_ctl");
    return {};
  }

  int wait(int milliseconds) override {
    const int count =
        epoll_wait(epoll_.get(), events_.data(), limits::kEventsPerTurn, milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; ++i) {
      const std::uint64_t data = events_[i].data.u64;
      collected_[i] = {{static_cast<int>(data), static_cast<std::uint32_t>(data >> 32)},
                       to_interest(events_[i].events)};
    }
    ready_ = collected_.data();
    return count;
  }

 private:
  Fd epoll_;
  std::array<epoll_event, limits::kEventsPerTurn> events_;
  std::array<Ready, limits::kEventsPerTurn> collected_;
};

}  // namespace

Result<std::unique_ptr<Selector>> make_epoll_selector() {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return fail("epoll_create1");
  return std::make_unique<EpollSelector>(std::move(epoll));
}

Result<std::unique_ptr<Selector>> Selector::make(SelectorKind kind) {
  switch (kind) {
    case SelectorKind::epoll:
      return make_epoll_selector();
    case SelectorKind::poll:
      return make_poll_selector();
    case SelectorKind::select:
      return make_select_selector();
  }
  return fail("make", EINVAL);
}

}  // namespace sluice
