#pragma once

#include <string>
#include <string_view>

#include "protocols/service.h"
#include "protocols/video/frame.h"

namespace sluice::video {

/// Whoever takes frames: a viewer, a file, a window, a hub that hands them on.
/// Order of calls: on_frame* on_end?
class FrameSink {
 public:
  virtual ~FrameSink() = default;

  /// A frame is there. It may be kept as long as is needed. From inside, the sink may leave the hub
  /// that calls it.
  virtual void on_frame(const Frame& frame) noexcept = 0;

  /// No more will come: `trouble` is why, as a sentence for a person; "" when the source came to
  /// its end in good order.
  virtual void on_end(std::string_view /*trouble*/) noexcept {}
};

/// Where frames come from: a camera, files, a test pattern, another machine. Not movable.
class FrameSource {
 public:
  virtual ~FrameSource() = default;

  /// What it is, for a person: `/dev/video0`, `test pattern`.
  virtual std::string name() const = 0;
  virtual Encoding encoding() const = 0;

  /// Opens it and looks whether it is what it should be. No frame comes before want(true). `sink`
  /// must outlive the source. The error is a sentence. Called once.
  virtual Started start(FrameSink& sink) = 0;

  /// Whether anybody looks. While nobody does, nothing is read, captured or encoded. A source that
  /// cannot stop (a stream from another machine) ignores it.
  virtual void want(bool wanted) = 0;

  /// Why no frames come just now, although they are wanted, such as a camera that was pulled out
  /// and is waited for, as a sentence that names the source; "" while all is well.
  virtual std::string_view trouble() const { return {}; }

  /// Frames that it had to throw away: broken ones, and those that came too fast.
  virtual std::uint64_t lost() const { return 0; }
};

}  // namespace sluice::video
