#pragma once

#include <opencv2/videoio.hpp>
#include <optional>
#include <string>

#include "protocols/video/frame_source.h"
#include "reactor/reactor.h"
#include "tools/video/opencv.h"

namespace sluice::tools {

/// A video file, read at the rate at which it is to be seen. A picture is decoded by the loop's own
/// thread: that takes some milliseconds.
class OpenCvSource final : public video::FrameSource {
 public:
  struct Options {
    std::uint32_t fps = 0;  ///< 0: the file's own
    bool repeat = true;     ///< begins again at its end
  };

  OpenCvSource(Reactor& reactor, std::string path, Options options);

  std::string name() const override { return path_; }
  video::Encoding encoding() const override { return video::Encoding::bgr; }
  Started start(video::FrameSink& sink) override;
  void want(bool wanted) override;

 private:
  bool open();
  bool read();
  Duration period() const;
  void tick();
  void end(std::string_view trouble);

  Reactor* reactor_;
  std::string path_;
  Options options_;
  video::FrameSink* sink_ = nullptr;
  cv::VideoCapture file_;
  cv::Mat picture_;     // the next one, when ready_
  bool ready_ = false;  // read already, by start()
  bool ended_ = false;
  std::uint64_t number_ = 0;
  std::uint64_t since_beginning_ = 0;  // pictures
  Timer timer_;
};

}  // namespace sluice::tools
