#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "protocols/chat/text.h"

namespace sluice::tools {

/// Bytes of a server, whatever it is, to lines that a terminal may show: chat::append_clean() takes
/// out all that one would obey. A line ends at its newline or, where a server sends none, when
/// flush() says that nothing more has come for a while. Of a line that is too long the first
/// kMaxBytes are kept, so that no server fills the memory or the screen with one.
class ReceivedLines {
 public:
  /// Four times what the longest line of our server can be (--chat-line), since cleaning may make
  /// three bytes of one.
  static constexpr std::size_t kMaxBytes = 256 * 1024;

  /// Calls `line(std::string_view)` for each line that is complete; valid during the call.
  template <class OnLine>
  void feed(std::string_view bytes, OnLine&& line) {
    while (!bytes.empty()) {
      const std::size_t newline = bytes.find('\n');
      hold(bytes.substr(0, newline));
      if (newline == std::string_view::npos) return;
      bytes.remove_prefix(newline + 1);
      ended_ = true;
      tell(line);
    }
  }
  /// The gap or the end has come: what is held is a line.
  template <class OnLine>
  void flush(OnLine&& line) {
    if (!held_.empty()) tell(line);
  }

  bool holding() const { return !held_.empty(); }
  /// Whether the server has ended a line by a newline, ever: then it can be waited for.
  bool ends_lines() const { return ended_; }

 private:
  void hold(std::string_view part);
  void finish();
  template <class OnLine>
  void tell(OnLine& line) {
    finish();
    line(std::string_view(clean_));
  }

  std::string held_;
  std::string clean_;
  bool cut_ = false;
  bool ended_ = false;
};

}  // namespace sluice::tools
