#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/multicast/limits.h"
#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/io_handler.h"
#include "reactor/reactor.h"

namespace sluice::multicast {

/// Writes to a pipe, a terminal or a socket whose reader may be slow or gone, and never waits for
/// it: what does not go out is held, up to a bound, and then dropped, piece by piece, and counted.
/// A regular file takes all at once. Not movable.
class PipeWriter final : public IoHandler {
 public:
  explicit PipeWriter(Reactor& reactor, std::size_t bound = limits::kPipeBytes);
  PipeWriter(const PipeWriter&) = delete;
  PipeWriter& operator=(const PipeWriter&) = delete;
  ~PipeWriter() override = default;

  /// `shared`: other processes write there too, as to a standard stream, so that the descriptor has
  /// to stay as it is: little by little is written, when poll(2) says that there is room.
  Result<void> open(Fd fd, bool shared);
  /// What is held is dropped.
  void close();
  bool is_open() const { return static_cast<bool>(fd_); }

  /// One piece, which goes out whole or not at all; flush() when there are no more for now. False:
  /// it was dropped.
  bool put(std::string_view head, std::string_view tail = {});
  void flush();

  bool empty() const { return held_.empty(); }
  std::uint64_t dropped() const { return dropped_; }
  /// Why nothing can be written any more: EPIPE when the reader has gone.
  const Error& error() const { return error_; }
  /// Called when something was held and no longer is, or error() has come, never from inside a call
  /// of the owner's.
  void on_drained(Callback callback) { on_drained_ = std::move(callback); }

  void on_writable() noexcept override;

 private:
  bool write_some();
  void told();

  Reactor* reactor_;
  std::size_t bound_;
  Fd fd_;
  Watch watch_;
  bool shared_ = false;
  bool waiting_ = false;  // for room
  std::string held_;
  std::size_t done_ = 0;  // of held_
  std::uint64_t dropped_ = 0;
  Error error_;
  Callback on_drained_;
  Timer tell_;
};

}  // namespace sluice::multicast
