#include "tools/video/opencv_source.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sluice::tools {

using namespace std::chrono_literals;

namespace {

constexpr double kFallbackFps = 25;
constexpr double kMaxFps = 240;  // no file is meant to be seen faster; some say thousands

/// ffmpeg takes what stands before a colon for a protocol, unless a slash comes first.
std::string plain_path(const std::string& path) {
  return path.starts_with('/') ? path : concat("./", path);
}

}  // namespace

OpenCvSource::OpenCvSource(Reactor& reactor, std::string path, Options options)
    : reactor_(&reactor),
      path_(std::move(path)),
      options_(options),
      timer_(reactor.timer([this] { tick(); })) {}

bool OpenCvSource::open() {
  const QuietErrors quiet;
  const auto opened = guarded([this] { return file_.open(plain_path(path_), cv::CAP_FFMPEG); });
  since_beginning_ = 0;
  return opened && *opened;
}

bool OpenCvSource::read() {
  const QuietErrors quiet;
  const auto read = guarded([this] { return file_.read(picture_); });
  ready_ = read && *read && picture_.type() == CV_8UC3 && !picture_.empty();
  if (ready_) ++since_beginning_;
  return ready_;
}

Duration OpenCvSource::period() const {
  double fps = options_.fps;
  if (options_.fps == 0) {
    fps = guarded([this] { return file_.get(cv::CAP_PROP_FPS); }).value_or(0);
    fps = std::isfinite(fps) && fps > 0 ? std::min(fps, kMaxFps) : kFallbackFps;
  }
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / fps));
}

Started OpenCvSource::start(video::FrameSink& sink) {
  sink_ = &sink;
  if (!open()) return std::unexpected(concat(path_, ": not a video that can be read"));
  if (!read()) return std::unexpected(concat(path_, ": no picture in it can be read"));
  return {};
}

void OpenCvSource::want(bool wanted) {
  if (!wanted || ended_) return timer_.stop();
  if (!timer_.armed()) timer_.start_every(std::max<Duration>(period(), 1ms));
}

void OpenCvSource::end(std::string_view trouble) {
  timer_.stop();
  ended_ = true;
  sink_->on_end(trouble);
}

void OpenCvSource::tick() {
  if (!ready_ && !read()) {
    if (!options_.repeat) return end("");
    // One picture at least, or it would be tried for ever.
    if (since_beginning_ == 0 || !open() || !read()) {
      return end(concat(path_, ": it cannot be read again"));
    }
  }
  ready_ = false;
  const auto frame = bgr_frame(picture_, {.number = ++number_, .captured = reactor_->now()});
  if (frame) sink_->on_frame(*frame);
}

}  // namespace sluice::tools
