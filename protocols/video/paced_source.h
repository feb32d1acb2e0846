#pragma once

#include <cstddef>
#include <cstdint>

#include "protocols/video/frame_source.h"
#include "reactor/reactor.h"

namespace sluice::video {

/// What the sources share that make their own pace: they tick while they are wanted.
class PacedSource : public FrameSource {
 public:
  Encoding encoding() const override { return Encoding::jpeg; }
  void want(bool wanted) final;
  std::uint64_t lost() const final { return lost_; }

 protected:
  /// A picture in a file is at most so large; over it, it is no picture.
  static constexpr std::size_t kMaxPictureBytes = 64u << 20;
  /// Bytes of a file read in one turn, so that nobody waits for the disk for long.
  static constexpr std::size_t kSliceBytes = 256 * 1024;

  PacedSource(Reactor& reactor, std::uint32_t fps);

  Reactor& reactor() const { return *reactor_; }
  void set_sink(FrameSink& sink) { sink_ = &sink; }

  /// Time for a frame: makes it and gives it away, or does a part of that and calls go_on().
  virtual void step() noexcept = 0;
  /// The next turn is to call step() again, whether a frame is due or not.
  void go_on() { slice_.start(Duration::zero()); }

  /// The last call of a step(): the sink may do anything.
  void give(SharedBytes bytes, std::uint32_t width, std::uint32_t height);
  std::uint64_t next_number() const { return number_ + 1; }
  /// A frame had to be thrown away.
  void lose() { ++number_, ++lost_; }
  /// The last call of a step(): no more will come.
  void end(std::string_view trouble);

 private:
  void tick();

  Reactor* reactor_;
  FrameSink* sink_ = nullptr;
  Duration period_;
  std::uint64_t number_ = 0, lost_ = 0;
  bool ended_ = false;
  Timer first_, ticks_, slice_;
};

}  // namespace sluice::video
