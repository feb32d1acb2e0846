#include "tools/interrupts.h"

#include <poll.h>

#include <csignal>

namespace sluice::tools {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM};
constexpr int kLookEveryMilliseconds = 50;

bool is_ignored(int number) {
  struct sigaction now{};
  return ::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

}  // namespace

Interrupts::Interrupts(Reactor& reactor) {
  for (const int number : kSignals) {
    if (is_ignored(number)) continue;
    // Where it cannot be had it ends the program as it always does.
    (void)reactor.on_signal(number, [this, number] { handle(number); });
  }
}

void Interrupts::handle(int number) {
  number_ = number;
  if (callback_) callback_();
}

bool Interrupts::came() {
  sigset_t waiting;
  if (number_ || ::sigpending(&waiting) != 0) return number_.has_value();
  for (const int number : kSignals) {
    if (!is_ignored(number) && ::sigismember(&waiting, number) == 1) number_ = number;
  }
  return number_.has_value();
}

Result<void> Interrupts::wait_for(int fd, short events) {
  pollfd watched{fd, events, 0};
  for (;;) {
    if (came()) return fail("poll", EINTR);
    const int ready = ::poll(&watched, 1, kLookEveryMilliseconds);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail("poll");
  }
}

void Interrupts::end_by(std::optional<int> number) {
  if (!number) return;
  std::signal(*number, SIG_DFL);
  std::raise(*number);
}

}  // namespace sluice::tools
