#pragma once

#include <cstdint>

#include "protocols/video/frame.h"
#include "reactor/callback.h"
#include "reactor/stream.h"

namespace sluice::video {

/// How a frame looks on a wire of bytes: what comes before and after its own. Shared, as all
/// viewers of a wire may get the same: copies of their own would cost each of them cold memory.
struct Wrapping {
  SharedBytes before = {};
  SharedBytes after = {};
};

/// Sends frames over one Stream, one at a time: a frame that comes while another is on its way
/// takes the place of the one that waits, which is skipped and counted; so does one that comes
/// before the first byte of the current one has gone. So a viewer that is slow sees fewer frames
/// but never an old one, and costs the memory of two frames at most, which others share.
///
///     idle --send()--> sending --the kernel has all of it--> idle, or the newest that waits
///
/// The kernel is kept from queueing old frames, too: the socket gets TCP_NOTSENT_LOWAT (tcp(7)),
/// and a frame is only begun when the one before has left the machine but for little.
class FrameWriter {
 public:
  using Wrap = Function<Wrapping(const Frame& frame)>;

  /// `stream` must outlive it. `wrap` is called when a frame is begun.
  FrameWriter(Stream& stream, Wrap wrap);

  /// Sends `frame`, or lets it wait for the one under way.
  void send(const Frame& frame);
  /// How long nothing has gone out although a frame is under way; zero when idle. For who ends
  /// viewers that have stopped.
  Duration stalled() const;
  /// To be called from the StreamHandler's on_drained: goes on.
  void on_drained();

  bool idle() const { return !sending_; }
  std::uint64_t sent() const { return sent_; }        ///< frames, as a whole
  std::uint64_t skipped() const { return skipped_; }  ///< never begun
  std::uint64_t bytes() const { return bytes_; }      ///< that the kernel has taken

 private:
  void take(const Frame& frame);
  void go_on();
  std::size_t offer_rest(std::size_t& left);

  Stream* stream_;
  Wrap wrap_;
  Frame current_, waiting_;
  Wrapping wrapping_;
  std::size_t done_ = 0;  // bytes of the current one, wrapping included
  bool sending_ = false;
  TimePoint progress_ = {};  // when the kernel last took something
  std::uint64_t sent_ = 0, skipped_ = 0, bytes_ = 0;
};

}  // namespace sluice::video
