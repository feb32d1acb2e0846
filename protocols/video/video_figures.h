#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocols/http/metrics_text.h"
#include "protocols/video/frame_hub.h"
#include "reactor/callback.h"

namespace sluice::video {

/// What is told of the video of a process: where it comes from, and how many get it in which form.
class VideoFigures {
 public:
  struct Form {
    std::uint64_t viewers = 0;  ///< now; 1 for what is sent whoever looks
    std::uint64_t sent = 0;     ///< frames, to all that there were
    std::uint64_t skipped = 0;  ///< frames that they were too slow for
  };
  using Ask = Function<Form()>;

  /// `hub` must outlive this, and so must what `ask` refers to. `name` is a label: `http`, `tcp`.
  void add_source(const FrameHub& hub);
  void add_form(std::string name, Ask ask);

  void write_metrics(http::MetricsText& text);
  /// `"sources":[…],"formats":[…]`
  std::string json();
  /// `test pattern, 640x480, 25.0 frames a second, 2 viewers`, or what is wrong with the source.
  std::string sentence();

 private:
  struct Named {
    std::string name;
    Ask ask;
  };

  std::vector<const FrameHub*> sources_;
  std::vector<Named> forms_;
};

/// `jpeg`, `bgr`, `yuyv`.
std::string_view encoding_name(Encoding encoding);

}  // namespace sluice::video
