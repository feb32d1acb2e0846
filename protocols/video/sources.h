#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "protocols/video/frame_source.h"
#include "reactor/reactor.h"

namespace sluice::video {

/// How a source is to be made. Zero where the source's own is to be taken.
struct SourceOptions {
  std::uint32_t fps = 0;                ///< 25 for files and test pattern; a camera: what it has
  std::uint32_t width = 0, height = 0;  ///< asked of a camera (1280x720), drawn by the test pattern
  bool repeat = true;                   ///< an MJPEG file begins again at its end
  bool raw = false;  ///< the test pattern as bgr; a camera may give yuyv when it has no JPEG
};

/// The source that `text` names: `test`; a directory (its *.jpg and *.jpeg, in the order of their
/// names, again and again); a camera (V4L2: /dev/video…, and any character device); any other file
/// (MJPEG: pictures one behind another, or a multipart body). The error is a sentence: no such file
/// …; start() says more: no JPEG in it, no camera …. What it reads are files of the machine: small
/// slices, never a whole directory at once.
std::expected<std::unique_ptr<FrameSource>, std::string> make_source(Reactor& reactor,
                                                                     std::string_view text,
                                                                     const SourceOptions& options);

/// `camera_path("0")` is /dev/video0; what is not a number is itself.
std::string camera_path(std::string_view text);

}  // namespace sluice::video
