#include "tools/terminal/raw_terminal.h"

#include <unistd.h>

#include <utility>

#include "reactor/write_all.h"

namespace sluice::tools {

Result<void> RawTerminal::enter() {
  if (!entered_ && tcgetattr(input_, &before_) < 0) return fail("tcgetattr");
  termios raw = before_;
  raw.c_iflag &= ~tcflag_t(ICRNL | INLCR | IGNCR | ISTRIP | IXON | IXOFF);
  raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  while (tcsetattr(input_, TCSANOW, &raw) < 0) {
    if (errno != EINTR) return fail("tcsetattr");
  }
  entered_ = true;
  return write_all(output_, "\x1b[?2004h");
}

void RawTerminal::leave() {
  if (!std::exchange(entered_, false)) return;
  // From the background it would stop the process, and undo what the shell has set.
  if (tcgetpgrp(input_) != getpgrp()) return;
  (void)write_all(output_, "\x1b[?2004l");
  while (tcsetattr(input_, TCSANOW, &before_) < 0 && errno == EINTR) {
  }
}

}  // namespace sluice::tools
