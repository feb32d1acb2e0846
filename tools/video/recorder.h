#pragma once

#include <opencv2/videoio.hpp>
#include <string>
#include <string_view>

#include "reactor/clock.h"
#include "tools/video/commands.h"
#include "tools/video/opencv.h"

namespace sluice::tools {

/// Writes pictures into a video file: made with the first one, whose size it has, and only playable
/// once it is finished.
class Recorder {
 public:
  struct Options {
    std::string path;
    std::string codec;  ///< four letters
    std::uint32_t fps = 25;
  };

  /// The codec that goes with the name of a file; "" when none is known to.
  static std::string_view codec_for(std::string_view path);

  explicit Recorder(Options options) : options_(std::move(options)) {}
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// Before the first picture comes: whether there is a directory for it, and whether OpenCV writes
  /// that codec into such a file, which is tried, as it takes another one without a word where it
  /// can. It may take a tenth of a second.
  VideoOutcome<void> check() const;

  /// Adds a picture; `now` is any clock that does not go back. After an error no more.
  VideoOutcome<void> take(const video::Frame& frame, TimePoint now);

  /// Makes the file whole, and looks whether it is.
  VideoOutcome<void> finish();

  std::uint64_t frames() const { return frames_; }    ///< written
  std::uint64_t refused() const { return refused_; }  ///< that could not be decoded
  /// `640x480, mp4v, 25 fps`
  std::string format() const;

 private:
  VideoOutcome<void> begin(const cv::Mat& picture);
  VideoOutcome<void> check_room() const;

  Options options_;
  cv::VideoWriter writer_;
  cv::Size size_;
  TimePoint looked_{};  // for room on the disk
  std::uint64_t frames_ = 0, refused_ = 0;
};

}  // namespace sluice::tools
