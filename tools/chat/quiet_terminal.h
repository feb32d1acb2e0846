#pragma once

namespace sluice::tools {

/// Standard input, a terminal, shows nothing by itself and gives every key at once, for as long as
/// this lives; ^C and ^Z remain signals. The Console has a mode of its own while a line is typed;
/// this is for the moments between two lines, in which a terminal would show the rest of a paste
/// where it does not belong. While the process is stopped the terminal is as it was before. One at
/// a time, made before the Console.
class QuietTerminal {
 public:
  QuietTerminal();
  ~QuietTerminal();
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;

 private:
  bool on_ = false;
};

}  // namespace sluice::tools
