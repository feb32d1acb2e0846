#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "protocols/http/routes.h"
#include "protocols/video/frame_hub.h"
#include "protocols/video/frame_writer.h"
#include "protocols/video/video_figures.h"

namespace sluice::video {

class HttpViewer;

/// A video for browsers and whoever speaks HTTP:
///
/// * /stream.mjpg: multipart/x-mixed-replace, for browsers, VLC, ffplay. Each part says when its
///   frame was captured (X-Timestamp, seconds since 1970) and which it is (X-Frame).
/// * /snapshot.jpg: a fresh frame, never one from before somebody looked; 503 with a reason when
///   none comes within kSnapshotTime.
/// * /video.json: the source and who looks at it.
/// * the picture on the page, and the figures in /metrics.
///
/// The hub must be of jpeg. It must outlive this, and this the routes' service.
class HttpVideo {
 public:
  static constexpr Duration kSnapshotTime = std::chrono::seconds(5);
  /// A snapshot may be so old when others look already.
  static constexpr Duration kSnapshotAge = std::chrono::milliseconds(200);
  /// A viewer who takes nothing for so long is ended.
  static constexpr Duration kStallTime = std::chrono::seconds(30);
  /// A new viewer gets a frame at once if it is not older.
  static constexpr Duration kFirstAge = std::chrono::seconds(1);
  /// Viewers that /video.json names one by one.
  static constexpr std::size_t kNamedViewers = 100;

  explicit HttpVideo(FrameHub& hub);
  HttpVideo(const HttpVideo&) = delete;
  HttpVideo& operator=(const HttpVideo&) = delete;
  ~HttpVideo();
  void add_to(http::Routes& routes);

  /// Per viewer: of those there are now, with totals of all that there were.
  struct Viewer {
    std::uint64_t sent = 0, skipped = 0;  ///< frames
    std::string address = {};
  };
  std::vector<Viewer> viewers() const;
  Viewer total() const;

  /// What /metrics and /video.json tell; who sends the video in other forms, too, adds them.
  VideoFigures& figures() { return figures_; }

 private:
  friend class HttpViewer;

  http::Answer stream();
  http::Answer snapshot();
  http::Response json();
  /// What goes around a frame, made once for all viewers.
  const Wrapping& part(const Frame& frame);

  FrameHub* hub_;
  VideoFigures figures_;
  std::list<HttpViewer*> viewers_;
  Viewer gone_;  // the sum of those that left
  Wrapping part_;
  std::uint64_t part_number_ = 0;  // the frame that it is for
};

}  // namespace sluice::video
