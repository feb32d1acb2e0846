#include "tools/chat/quiet_terminal.h"

#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace sluice::tools {
namespace {

termios before, quiet;  // for the handler too, which has nothing else

void set(const termios& mode) {
  while (tcsetattr(STDIN_FILENO, TCSANOW, &mode) < 0 && errno == EINTR) {
  }
}

void handle(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  sigaction(SIGTSTP, &action, nullptr);
}

/// Stops as one would without a handler, but with the terminal as it was.
void stop(int) {
  const int error = errno;
  set(before);
  handle(SIG_DFL);
  sigset_t only, old;
  sigemptyset(&only);
  sigaddset(&only, SIGTSTP);
  raise(SIGTSTP);
  sigprocmask(SIG_UNBLOCK, &only, &old);  // here it stops
  sigprocmask(SIG_SETMASK, &old, nullptr);
  handle(stop);
  set(quiet);
  errno = error;
}

}  // namespace

QuietTerminal::QuietTerminal() {
  if (tcgetattr(STDIN_FILENO, &before) < 0) return;
  quiet = before;
  quiet.c_lflag &= ~tcflag_t(ICANON | ECHO);
  quiet.c_cc[VMIN] = 1;
  quiet.c_cc[VTIME] = 0;
  on_ = true;
  handle(stop);
  set(quiet);
}

QuietTerminal::~QuietTerminal() {
  if (!on_) return;
  handle(SIG_DFL);
  // From the background it would stop the process, and undo what the shell has set.
  if (tcgetpgrp(STDIN_FILENO) == getpgrp()) set(before);
}

}  // namespace sluice::tools
