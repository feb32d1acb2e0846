#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "reactor/log.h"
#include "reactor/text.h"
#include "tools/run_loop.h"
#include "tools/video/incoming.h"
#include "tools/video/opencv.h"
#include "tools/video/window.h"

namespace sluice::tools {
namespace {

using namespace std::chrono_literals;

/// How often the window is looked after: keys feel immediate, and 60 pictures a second pass.
constexpr auto kLookEvery = 15ms;
constexpr auto kRateOver = 1s;
constexpr int kEscape = 27;

/// Shows the newest picture of a stream. What comes between two looks at the window is not drawn.
class Viewer final : public video::FrameSink {
 public:
  Viewer(Reactor& reactor, bool statistics, std::uint64_t count)
      : reactor_(&reactor),
        count_(count),
        statistics_(statistics),
        look_(reactor.every(kLookEvery, [this] { look(); })),
        rate_(reactor.every(kRateOver, [this] { measure(); })) {}

  Started open(const std::string& title) { return window_.open(title); }
  void watch(const Incoming& incoming) { incoming_ = &incoming; }

  void on_frame(const video::Frame& frame) noexcept override;

  std::uint64_t frames() const { return frames_; }
  /// Why the window came to its end, when that was not its user's wish.
  const std::string& trouble() const { return trouble_; }

 private:
  void look();
  void draw();
  void measure();
  void write_statistics(cv::Mat& picture) const;

  Reactor* reactor_;
  std::uint64_t count_;
  bool statistics_;
  const Incoming* incoming_ = nullptr;
  Window window_;
  video::Frame newest_;
  bool fresh_ = false;  // newest_ is not drawn yet
  std::uint64_t frames_ = 0, at_last_measure_ = 0, undecodable_ = 0;
  std::uint64_t per_second_ = 0;
  std::string trouble_;
  Timer look_, rate_;
};

void Viewer::on_frame(const video::Frame& frame) noexcept {
  if (count_ != 0 && frames_ == count_) return;
  newest_ = frame;
  fresh_ = true;
  ++frames_;
  if (count_ != 0 && frames_ == count_) {
    draw();
    reactor_->stop();
  }
}

void Viewer::measure() {
  per_second_ = frames_ - std::exchange(at_last_measure_, frames_);
}

void Viewer::write_statistics(cv::Mat& picture) const {
  const std::string text = concat(per_second_, " fps, ", incoming_ ? incoming_->counters().lost : 0,
                                  " lost, ", newest_.width, 'x', newest_.height);
  const double scale = std::max(picture.cols / 800.0, 0.4);
  const cv::Point at(static_cast<int>(12 * scale), static_cast<int>(28 * scale));
  // Dark below light can be read on any picture.
  cv::putText(picture, text, at, cv::FONT_HERSHEY_SIMPLEX, scale, cv::Scalar(0, 0, 0), 4,
              cv::LINE_AA);
  cv::putText(picture, text, at, cv::FONT_HERSHEY_SIMPLEX, scale, cv::Scalar(255, 255, 255), 1,
              cv::LINE_AA);
}

void Viewer::draw() {
  if (!std::exchange(fresh_, false)) return;
  auto picture = to_bgr(newest_);
  if (picture && statistics_) {
    picture = guarded([&] {
      cv::Mat copy = picture->clone();
      write_statistics(copy);
      return copy;
    });
  }
  if (!picture) {
    if (undecodable_++ == 0) log(LogLevel::warning, kVideoName, picture.error());
    return;
  }
  if (auto shown = window_.show(*picture); !shown) {
    trouble_ = shown.error();
    reactor_->stop();
  }
}

void Viewer::look() {
  draw();
  int key = -1;
  switch (window_.look(key)) {
    case Window::Event::closed:
      return reactor_->stop();
    case Window::Event::key:
      if (key == 'q' || key == 'Q' || key == kEscape) return reactor_->stop();
      if (key == 's' || key == 'S') statistics_ = !statistics_;
      fresh_ = newest_.number != 0;
      break;
    case Window::Event::nothing:
      break;
  }
}

}  // namespace

int receive_video(const Arguments& arguments) {
  auto plan = Incoming::plan(arguments);
  if (!plan) return report(plan.error());
  const auto count = number_option(arguments, "--count", 0, 1, UINT64_MAX);
  if (!count) return misused(kVideoName, count.error());
  const auto seconds = number_option(arguments, "--seconds", 0, 1, 1'000'000'000);
  if (!seconds) return misused(kVideoName, seconds.error());
  set_log_level(LogLevel::warning);
  Reactor reactor;
  Viewer viewer(reactor, arguments.has("--show-stats"), *count);
  Incoming incoming(reactor, std::move(*plan), viewer);
  if (auto opened = viewer.open("sluice video"); !opened) {
    return complain(kVideoName, opened.error());
  }
  if (auto started = incoming.start(); !started) return report(started.error());
  viewer.watch(incoming);
  reactor.post([&] {
    if (const std::string line = incoming.listening(); !line.empty()) print(concat(line, '\n'));
  });
  LoopOptions options;
  if (*seconds != 0) options.at_most = std::chrono::seconds(*seconds);
  const auto ended = run_loop(reactor, options);
  if (!ended) return complain(kVideoName, ended.error());
  if (!viewer.trouble().empty()) return complain(kVideoName, viewer.trouble());
  if (incoming.ended() && !incoming.failure().text.empty()) return report(incoming.failure());
  // Who has seen enough ends it, and that is no failure.
  const bool left_alone = *ended == Ended::time || incoming.ended();
  if (left_alone && viewer.frames() < *count) {
    return complain(kVideoName, concat(viewer.frames(), " of ", *count, " pictures came"));
  }
  return kOk;
}

}  // namespace sluice::tools
