#pragma once

#include <memory>
#include <string>

#include "protocols/video/sources.h"
#include "protocols/video/v4l2_device.h"
#include "reactor/reactor.h"

namespace sluice::video {

/// A camera. It is on only while it is wanted, and gives the newest picture only. One that fails,
/// is pulled out, or is silent while it is wanted, is opened anew once a second until it is back.
///
///       start()      want(true)
///     -----> off <--------------> on
///             ^     want(false)   |
///      open   |                   | it fails
///             +----- closed <-----+
class V4l2Source final : public FrameSource, private IoHandler {
 public:
  V4l2Source(Reactor& reactor, std::string path, const SourceOptions& options);

  std::string name() const override { return path_; }
  Encoding encoding() const override { return encoding_; }
  Started start(FrameSink& sink) override;
  void want(bool wanted) override;
  std::string_view trouble() const override { return trouble_; }
  std::uint64_t lost() const override { return lost_; }

 private:
  enum class State : std::uint8_t { closed, off, on };

  void on_readable() noexcept override;
  void turn_on();
  void turn_off();
  void look_for_silence();
  void open_again();
  void fail_with(std::string why);
  Result<bool> drain(Frame& frame);
  Result<void> lose(std::uint32_t index);
  void count(const V4l2Device::Buffer& buffer);
  bool make_frame(const V4l2Device::Buffer& buffer, Frame& frame) const;
  TimePoint time_of(const V4l2Device::Buffer& buffer) const;

  Reactor* reactor_;
  std::string path_;
  V4l2Device::Wishes wishes_;
  FrameSink* sink_ = nullptr;
  Encoding encoding_ = Encoding::jpeg;
  State state_ = State::closed;
  bool wanted_ = false;
  std::string trouble_;
  std::uint64_t number_ = 0, lost_ = 0;
  std::optional<std::uint32_t> sequence_;  // of the last one since it was turned on
  std::unique_ptr<V4l2Device> device_;
  Watch watch_;
  TimePoint heard_{};  // when the last whole picture came
  Timer silence_, again_;
};

}  // namespace sluice::video
