#pragma once

#include <span>
#include <string_view>

#include "protocols/multicast/sink.h"
#include "reactor/reactor.h"

namespace sluice::tools {

/// Standard output of `multicast receive`: a line a datagram, or a table that is drawn over itself.
/// A terminal gets what is printable; a pipe and a file get what was sent, and a newline behind
/// each datagram that has none. A reader that is slow costs datagrams, never the loop.
class Output {
 public:
  using OnFailed = Function<void(const Error& error)>;
  Output(Reactor& reactor, OnFailed on_failed);

  /// With Framing::raw nothing is added, not even on a terminal.
  Started open(multicast::Framing framing);
  bool is_terminal() const { return terminal_; }

  void take(std::span<const Received> batch);
  void put(std::string_view text);
  /// Lines in the place of those that were drawn last.
  void draw(const std::string& lines);

  bool finished() const { return writer_.empty(); }
  void on_drained(Callback callback) { on_drained_ = std::move(callback); }
  std::uint64_t dropped() const { return writer_.dropped(); }

 private:
  void drained();

  multicast::PipeWriter writer_;
  multicast::Framing framing_ = multicast::Framing::lines;
  bool terminal_ = false;
  std::size_t drawn_ = 0;  // lines
  OnFailed on_failed_;
  Callback on_drained_;
};

}  // namespace sluice::tools
