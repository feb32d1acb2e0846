#include "protocols/video/frame_hub.h"

#include <algorithm>

namespace sluice::video {
namespace {

/// Frames further apart than this are no stream to measure the rate of.
constexpr Duration kGap = std::chrono::seconds(5);
/// How many of the last frames make the rate.
constexpr int kSmoothing = 16;

}  // namespace

FrameHub::FrameHub(Reactor& reactor, FrameSource& source) : reactor_(&reactor), source_(&source) {}

Started FrameHub::start() {
  return source_->start(*this);
}

void FrameHub::add(FrameSink& sink) {
  sinks_.push_back(&sink);
  if (++active_ > 1) return;
  began_ = reactor_->now();
  interval_ = {};
  if (!ended_) source_->want(true);
}

void FrameHub::remove(FrameSink& sink) {
  const auto found = std::ranges::find(sinks_, &sink);
  if (found == sinks_.end()) return;
  *found = nullptr;
  if (!handing_out_) compact();
  if (--active_ == 0 && !ended_) source_->want(false);
}

std::string_view FrameHub::trouble() const {
  return ended_ ? std::string_view(ended_because_) : source_->trouble();
}

bool FrameHub::fresh(Duration age) const {
  return active_ > 0 && trouble().empty() && latest_.number != 0 && latest_.captured >= began_ &&
         reactor_->now() - latest_.captured < age;
}

double FrameHub::rate() const {
  if (interval_ <= Duration::zero() || !fresh(kGap)) return 0;
  return 1 / std::chrono::duration<double>(interval_).count();
}

void FrameHub::measure(const Frame& frame) {
  const Duration interval = frame.captured - latest_.captured;
  if (latest_.number == 0 || latest_.captured < began_ || interval > kGap) {
    interval_ = {};
  } else {
    interval_ =
        interval_ == Duration::zero() ? interval : interval_ + (interval - interval_) / kSmoothing;
  }
}

void FrameHub::on_frame(const Frame& frame) noexcept {
  measure(frame);
  latest_ = frame;
  ++frames_;
  handing_out_ = true;
  const std::size_t count = sinks_.size();  // who joins meanwhile waits for the next frame
  if (++first_ >= count) first_ = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = first_ + i < count ? first_ + i : first_ + i - count;
    if (sinks_[at]) sinks_[at]->on_frame(frame);
  }
  handing_out_ = false;
  compact();
}

void FrameHub::on_end(std::string_view trouble) noexcept {
  ended_ = true;
  ended_because_ = trouble.empty() ? "the video has ended" : trouble;
  handing_out_ = true;
  const std::size_t count = sinks_.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (sinks_[i]) sinks_[i]->on_end(trouble);
  }
  handing_out_ = false;
  compact();
}

void FrameHub::compact() {
  std::erase(sinks_, nullptr);
}

}  // namespace sluice::video
