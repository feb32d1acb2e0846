#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "protocols/http/routes.h"
#include "protocols/video/frame_hub.h"
#include "protocols/video/http_video.h"
#include "protocols/video/sources.h"
#include "tools/serve_table.h"

namespace sluice::tools {

/// What the options say about video.
struct VideoSettings {
  std::string source;  ///< as make_source() takes it
  video::SourceOptions options = {};
  bool jpeg = false;    ///< somebody may ask for JPEGs
  bool pixels = false;  ///< and for pixels, as --video-payload pickle does
  bool pickle = false;  ///< what --video sends

  /// `all`: every service runs. The error is a sentence about an option, such as one of a service
  /// that does not run.
  static std::expected<VideoSettings, std::string> read(const ServeSettings& settings, bool all);
};

/// The video of one process: owns its source, which all services share, or two when the test
/// pattern is asked for as JPEG and as pixels. It must outlive the services.
class ServeVideo {
 public:
  explicit ServeVideo(Reactor& reactor) : reactor_(&reactor) {}
  ServeVideo(const ServeVideo&) = delete;
  ServeVideo& operator=(const ServeVideo&) = delete;

  /// Opens what is asked for. Nothing is captured before somebody looks.
  Started start(const VideoSettings& settings);

  /// Adds the video to what a browser gets, if there is one. `all`, which must outlive the routes,
  /// are asked for who sends it in other forms.
  void add_to(http::Routes& routes, const std::vector<Running>& all);

  video::FrameHub* jpeg() { return jpeg_.hub.get(); }  ///< null: not asked for
  /// What --video sends.
  video::FrameHub* payload() { return pickle_ ? pixels_.hub.get() : jpeg(); }

 private:
  struct Feed {
    std::unique_ptr<video::FrameSource> source;
    std::unique_ptr<video::FrameHub> hub;
  };
  std::expected<Feed, std::string> make(const VideoSettings& settings, bool raw);

  Reactor* reactor_;
  bool pickle_ = false;
  Feed jpeg_, pixels_;
  std::optional<video::HttpVideo> http_;
};

/// The rows of `video` and `video-rtp` in the table of `sluice serve`.
Made make_video(const Making& making);
Made make_video_rtp(const Making& making);

}  // namespace sluice::tools
