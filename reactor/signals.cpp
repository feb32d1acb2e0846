#include "reactor/signals.h"

#include <sys/signalfd.h>

#include <algorithm>

namespace sluice {

Signals::~Signals() {
  sigset_t unblock;
  sigemptyset(&unblock);
  for (const Handler& handler : handlers_) {
    if (!handler.blocked_before) sigaddset(&unblock, handler.number);
  }
  pthread_sigmask(SIG_UNBLOCK, &unblock, nullptr);
}

Result<void> Signals::handle(int number, Callback callback) {
  if (Handler* known = find(number)) {
    known->callback = std::move(callback);
    return {};
  }
  if (handlers_.empty()) sigemptyset(&mask_);
  if (sigaddset(&mask_, number) < 0) return fail("sigaddset");
  sigset_t before;
  if (const int code = pthread_sigmask(SIG_BLOCK, &mask_, &before); code != 0) {
    return fail("pthread_sigmask", code);
  }
  const int fd = signalfd(fd_.get(), &mask_, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) {
    const Error error = Error::last("signalfd");
    sigdelset(&mask_, number);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return std::unexpected(error);
  }
  if (!fd_) fd_.reset(fd);
  handlers_.push_back({number, sigismember(&before, number) == 1, std::move(callback)});
  return {};
}

void Signals::deliver() {
  if (!pending_) return;
  pending_ = false;
  signalfd_siginfo info;
  while (read(fd_.get(), &info, sizeof info) == sizeof info) {
    const int number = static_cast<int>(info.ssi_signo);
    Handler* handler = find(number);
    if (!handler) continue;
    // Moved out while it runs, and put back unless it has set another in its place.
    Callback callback = std::move(handler->callback);
    callback();
    handler = find(number);  // the table may have moved
    if (!handler->callback) handler->callback = std::move(callback);
  }
}

Signals::Handler* Signals::find(int number) {
  const auto found = std::ranges::find(handlers_, number, &Handler::number);
  return found == handlers_.end() ? nullptr : &*found;
}

}  // namespace sluice
