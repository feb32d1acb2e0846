#include "protocols/video/paced_source.h"

#include <algorithm>

namespace sluice::video {
namespace {

constexpr std::uint32_t kFps = 25, kMaxFps = 1'000;

}  // namespace

PacedSource::PacedSource(Reactor& reactor, std::uint32_t fps)
    : reactor_(&reactor),
      period_(Duration(std::chrono::seconds(1)) / (fps == 0 ? kFps : std::min(fps, kMaxFps))),
      first_(reactor.timer([this] {
        ticks_.start_every(period_);
        tick();
      })),
      ticks_(reactor.timer([this] { tick(); })),
      slice_(reactor.timer([this] { step(); })) {}

void PacedSource::want(bool wanted) {
  if (wanted && !ended_) {
    // Who begins to look is not to wait for a picture.
    first_.start(Duration::zero());
    return;
  }
  first_.stop();
  ticks_.stop();
  slice_.stop();
}

void PacedSource::tick() {
  if (!slice_.armed()) step();
}

void PacedSource::give(SharedBytes bytes, std::uint32_t width, std::uint32_t height) {
  sink_->on_frame({std::move(bytes), encoding(), width, height, ++number_, reactor_->now()});
}

void PacedSource::end(std::string_view trouble) {
  ended_ = true;
  want(false);
  sink_->on_end(trouble);
}

}  // namespace sluice::video
