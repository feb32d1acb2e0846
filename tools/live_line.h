#pragma once

#include "reactor/reactor.h"
#include "tools/progress.h"

namespace sluice::tools {

/// A progress line on standard error, drawn anew ten times a second while the loop runs, when that
/// is a terminal; else nothing. It ends, and goes, with this object. Not movable.
class LiveLine {
 public:
  /// `look` gives what is to be shown; a Transfer without a name shows nothing.
  LiveLine(Reactor& reactor, Function<Transfer()> look);
  ~LiveLine() { clear(); }
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  /// Takes it away, for a message to be written there.
  void clear();

 private:
  void draw();

  Function<Transfer()> look_;
  Timer timer_;
  bool drawn_ = false;
};

}  // namespace sluice::tools
