#include "reactor/signals.h"

#include <sys/signalfd.h>

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
  for (Handler& handler : handlers_) {
    if (handler.number != number) continue;
    handler.callback = std::move(callback);
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
    for (Handler& handler : handlers_) {
      if (handler.number != static_cast<int>(info.ssi_signo)) continue;
      // Moved out while it runs: a callback may set another in its place.
      Callback callback = std::move(handler.callback);
      callback();
      for (Handler& again : handlers_) {
        if (again.number == static_cast<int>(info.ssi_signo) && !again.callback) {
          again.callback = std::move(callback);
        }
      }
      break;
    }
  }
}

}  // namespace sluice
