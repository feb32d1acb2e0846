#pragma once

#include <termios.h>

#include "reactor/error.h"

namespace sluice::tools {

/// Raw mode of a terminal: every key comes at once and as it is, none is a signal or is echoed.
/// Output is treated as before. Ends with the object. Also switches bracketed paste on and off.
/// The descriptor stays its owner's.
class RawTerminal {
 public:
  explicit RawTerminal(int input, int output) : input_(input), output_(output) {}
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() { leave(); }

  /// A process in the background is stopped here until it is in the foreground.
  Result<void> enter();
  /// Puts back what was there at enter(), unless another has the terminal now.
  void leave();

 private:
  int input_, output_;
  bool entered_ = false;
  termios before_{};
};

}  // namespace sluice::tools
