#pragma once

#include <string>
#include <string_view>

#include "protocols/video/frame_hub.h"
#include "reactor/callback.h"
#include "tools/video/opencv.h"

namespace sluice::tools {

/// Makes another picture of each: a sink of one hub and the source of another, both of which it
/// must not outlive. It works only while it is wanted, and then the hub before it works, too.
class Converter final : public video::FrameSource, public video::FrameSink {
 public:
  using Step = Function<Made(const video::Frame& frame)>;

  Converter(video::FrameHub& from, video::Encoding to, Step step);
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  ~Converter() override;

  std::string name() const override { return from_->source().name(); }
  video::Encoding encoding() const override { return to_; }
  Started start(video::FrameSink& sink) override;
  void want(bool wanted) override;
  std::string_view trouble() const override;
  std::uint64_t lost() const override { return lost_; }

  void on_frame(const video::Frame& frame) noexcept override;
  void on_end(std::string_view trouble) noexcept override;

 private:
  video::FrameHub* from_;
  video::Encoding to_;
  Step step_;
  video::FrameSink* sink_ = nullptr;
  bool wanted_ = false;
  std::string trouble_;  // why the last one could not be made into what it should be
  std::uint64_t lost_ = 0;
};

/// What a Converter may do.
Converter::Step decoding();
Converter::Step encoding_jpeg(int quality);
/// `width` 0: as wide as it is. `for_rtp`: then so that RTP can carry it.
Converter::Step resizing(std::uint32_t width, bool for_rtp);
/// To the 640x480 of the lecture's datagrams, with black at the sides of what is of another form.
Converter::Step fitting_chunks();
/// A JPEG stays as it is when it has that width already, and RTP can carry it if it has to.
Converter::Step recoding(std::uint32_t width, bool for_rtp, int quality);

}  // namespace sluice::tools
