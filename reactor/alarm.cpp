#include "reactor/alarm.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdint>

#include "reactor/reactor.h"

namespace sluice {

Alarm::Alarm(Reactor& reactor)
    : fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (!fd_) return;
  if (auto watch = reactor.watch(fd_.get(), Interest::read, *this)) watch_ = std::move(*watch);
}

bool Alarm::comes_to_cover(TimePoint deadline) {
  if (deadline != asked_) {
    asked_ = deadline;
    times_ = 0;
  }
  if (++times_ < kLasting) return false;
  times_ = 0;
  return set(deadline);
}

bool Alarm::set(TimePoint deadline) {
  if (!watch_) return false;
  const auto since = deadline.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  itimerspec when{};
  when.it_value = {.tv_sec = seconds.count(), .tv_nsec = (since - seconds).count()};
  set_for_ = kNever;
  if (::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &when, nullptr) != 0) return false;
  set_for_ = deadline;
  return true;
}

void Alarm::on_readable() noexcept {
  std::uint64_t count;
  [[maybe_unused]] const ssize_t got = ::read(fd_.get(), &count, sizeof count);
  set_for_ = kNever;
}

}  // namespace sluice
