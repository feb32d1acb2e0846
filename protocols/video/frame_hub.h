#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/video/frame_source.h"
#include "reactor/reactor.h"

namespace sluice::video {

/// One source, any number of sinks. The source is made to work only while there is a sink.
///
/// Sinks come and go at any time, also from inside on_frame. The order in which they are served
/// begins one further with each frame, so that nobody is always last.
class FrameHub final : public FrameSink {
 public:
  /// `source` must outlive the hub's use of it: start() gives it this hub as its sink.
  FrameHub(Reactor& reactor, FrameSource& source);
  FrameHub(const FrameHub&) = delete;
  FrameHub& operator=(const FrameHub&) = delete;

  Started start();

  /// `sink` gets the frames that come from now on, not latest(). It must leave before it dies.
  void add(FrameSink& sink);
  void remove(FrameSink& sink);
  std::size_t sinks() const { return active_; }

  /// The newest frame; number 0 before the first one. It may be old when nobody was looking: its
  /// `captured` tells.
  const Frame& latest() const { return latest_; }
  Reactor& reactor() const { return *reactor_; }
  FrameSource& source() const { return *source_; }
  Encoding encoding() const { return source_->encoding(); }

  /// Why there is no picture now; "" while all is well. After on_end it is not empty.
  std::string_view trouble() const;
  bool ended() const { return ended_; }

  std::uint64_t frames() const { return frames_; }  ///< that came from the source
  /// Whether frames come: somebody looks, all is well, and the last one is younger than `age`.
  bool fresh(Duration age) const;
  /// Frames a second as of late; 0 while none come.
  double rate() const;

  void on_frame(const Frame& frame) noexcept override;
  void on_end(std::string_view trouble) noexcept override;

 private:
  void measure(const Frame& frame);
  void compact();

  Reactor* reactor_;
  FrameSource* source_;
  std::vector<FrameSink*> sinks_;  // null: left while the frame was handed out
  std::size_t active_ = 0;
  std::size_t first_ = 0;
  Frame latest_;
  std::string ended_because_;
  std::uint64_t frames_ = 0;
  Duration interval_{};  // between frames, smoothed; zero: not known
  TimePoint began_{};    // when the first of the sinks came
  bool handing_out_ = false;
  bool ended_ = false;
};

}  // namespace sluice::video
