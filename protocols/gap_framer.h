#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

/// Messages without a terminator, as simple clients send them: one ends at a newline (LF or CR LF),
/// at the end of the stream, or when nothing more has come for a gap of time. The clock is the
/// caller's: flush() says that the gap, or the end, has come. Holds at most the bound and a byte.
class GapFramer {
 public:
  static constexpr std::size_t kDefaultBound = 4096;

  /// `bound`: bytes of the longest message; a longer one is cut into several, between the code
  /// points of UTF-8. At least 4.
  explicit GapFramer(std::size_t bound = kDefaultBound) : bound_(bound) {}

  /// Takes `bytes` and calls `message(std::string_view text, bool newline)` for each message that
  /// is complete; the text is valid during the call.
  template <class OnMessage>
  void feed(std::string_view bytes, OnMessage&& message) {
    while (!bytes.empty()) {
      if (std::exchange(skip_newline_, false) && bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
      const std::size_t newline = bytes.find('\n');
      // One byte more than the bound: it may be the CR of a CR LF, which does not count.
      const std::size_t room = bound_ + 1 - held_.size();
      const std::size_t end = newline == std::string_view::npos ? bytes.size() : newline;
      held_ += bytes.substr(0, end < room ? end : room);
      const bool full = end == room && newline != end && !held_.ends_with('\r');
      if (end > room || full) {
        bytes.remove_prefix(room);
        cut(message);
      } else if (newline == end && end != bytes.size()) {
        bytes.remove_prefix(end + 1);
        if (held_.ends_with('\r')) held_.pop_back();
        if (held_.size() > bound_) cut(message);
        message(std::string_view(held_), true);
        held_.clear();
      } else {
        bytes = {};
      }
    }
  }

  /// The gap or the end has come: what is held is a message, if anything is.
  template <class OnMessage>
  void flush(OnMessage&& message) {
    if (held_.empty()) return;
    // The LF of a CR LF that the gap has cut apart must not become an empty message.
    if (held_.back() == '\r') {
      held_.pop_back();
      skip_newline_ = true;
    }
    if (held_.size() > bound_) cut(message);
    message(std::string_view(held_), false);
    held_.clear();
  }

  bool holding() const { return !held_.empty(); }

 private:
  template <class OnMessage>
  void cut(OnMessage& message) {
    const std::size_t at = cut_before(held_, bound_);
    message(std::string_view(held_).substr(0, at), false);
    held_.erase(0, at);
  }

  /// The largest place up to `at` that does not lie inside a UTF-8 sequence (RFC 3629, section 3);
  /// `at` itself where there is no valid sequence anyway.
  static std::size_t cut_before(std::string_view text, std::size_t at) {
    std::size_t place = at;
    const auto continues = [&](std::size_t i) { return (text[i] & 0xC0) == 0x80; };
    while (place > 0 && at - place < 3 && continues(place)) --place;
    return place > 0 && !continues(place) ? place : at;
  }

  std::size_t bound_;
  std::string held_;
  bool skip_newline_ = false;
};

}  // namespace sluice
