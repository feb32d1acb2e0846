#include "protocols/video/v4l2_source.h"

#include <algorithm>
#include <cstring>

#include "protocols/video/jpeg.h"
#include "reactor/log.h"

namespace sluice::video {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kWidth = 1280, kHeight = 720;

/// A camera takes up to two seconds for its first picture; over this it hangs.
constexpr auto kSilence = 5s;
constexpr auto kAgain = 1s;

/// Time stamps older than this are of a driver that does not know the time.
constexpr auto kOldest = 10s;

/// Pictures taken out in one turn: a camera that fills buffers as fast as they come back must not
/// hold the loop.
constexpr int kMostAtOnce = 8;

/// So soon behind one picture there is no other. Should there be, it comes in the next turn.
constexpr auto kJustNow = 10ms;

/// What is more than this apart was counted anew.
constexpr std::uint32_t kMostMissed = 1'000;

V4l2Device::Wishes wishes_of(const SourceOptions& options) {
  V4l2Device::Wishes wishes{options.width, options.height, options.fps, options.raw};
  if (wishes.width == 0 && wishes.height == 0) wishes.width = kWidth, wishes.height = kHeight;
  if (wishes.width == 0) wishes.width = wishes.height * 16 / 9;
  if (wishes.height == 0) wishes.height = wishes.width * 9 / 16;
  return wishes;
}

}  // namespace

V4l2Source::V4l2Source(Reactor& reactor, std::string path, const SourceOptions& options)
    : reactor_(&reactor),
      path_(std::move(path)),
      wishes_(wishes_of(options)),
      silence_(reactor.timer([this] { look_for_silence(); })),
      again_(reactor.timer([this] { open_again(); })) {}

Started V4l2Source::start(FrameSink& sink) {
  sink_ = &sink;
  auto opened = V4l2Device::open(path_, wishes_);
  if (!opened) return std::unexpected(std::move(opened.error()));
  device_ = std::move(*opened);
  encoding_ = device_->encoding();
  state_ = State::off;
  return {};
}

void V4l2Source::want(bool wanted) {
  wanted_ = wanted;
  if (wanted && state_ == State::off) turn_on();
  if (!wanted && state_ == State::on) turn_off();
}

void V4l2Source::turn_on() {
  if (auto started = device_->start(); !started) {
    return fail_with(started.error().code == EBUSY ? concat(path_, " is in use by another program")
                                                   : started.error().message(path_));
  }
  auto watch = reactor_->watch(device_->fd(), Interest::read, *this);
  if (!watch) return fail_with(watch.error().message(path_));
  watch_ = std::move(*watch);
  sequence_.reset();
  heard_ = reactor_->now();
  silence_.start(kSilence);
  state_ = State::on;
}

void V4l2Source::turn_off() {
  watch_.reset();
  silence_.stop();
  device_->stop();
  state_ = State::off;
  trouble_.clear();
}

/// Closes it: what has failed once may be another device when it is back.
void V4l2Source::fail_with(std::string why) {
  watch_.reset();
  silence_.stop();
  device_.reset();
  state_ = State::closed;
  if (trouble_.empty()) {
    log(LogLevel::warning, "video", why, "; it is tried again every second");
  }
  trouble_ = std::move(why);
  again_.start(kAgain);
}

/// Not started anew by each picture, which would be dearer than to look back now and then.
void V4l2Source::look_for_silence() {
  const Duration quiet = reactor_->now() - heard_;
  if (quiet < kSilence) return silence_.start(kSilence - quiet);
  fail_with(concat(path_, " has given no whole picture for 5 s"));
}

void V4l2Source::open_again() {
  auto opened = V4l2Device::open(path_, wishes_);
  if (!opened) return fail_with(std::move(opened.error()));
  if ((*opened)->encoding() != encoding_) {
    return fail_with(concat(path_, " is another camera now, which gives other pictures"));
  }
  device_ = std::move(*opened);
  state_ = State::off;
  // With somebody looking, only a picture shows that all is well.
  if (wanted_) return turn_on();
  log(LogLevel::info, "video", path_, " is back");
  trouble_.clear();
}

void V4l2Source::on_readable() noexcept {
  Frame frame;
  const Result<bool> found = drain(frame);
  if (!found) {
    const bool gone = found.error().code == ENODEV;
    return fail_with(gone ? concat(path_, " was unplugged") : found.error().message(path_));
  }
  if (!*found) return;
  heard_ = reactor_->now();
  if (!trouble_.empty()) {
    log(LogLevel::info, "video", path_, " is back");
    trouble_.clear();
  }
  sink_->on_frame(frame);
}

/// Takes all that is there, and makes a frame of the newest. Whether there was one.
Result<bool> V4l2Source::drain(Frame& frame) {
  std::optional<V4l2Device::Buffer> newest;
  for (int i = 0; i < kMostAtOnce; ++i) {
    const auto taken = device_->take();
    if (!taken) return std::unexpected(taken.error());
    if (!*taken) break;
    count(**taken);
    const bool damaged = (*taken)->damaged;
    const auto old = damaged ? *taken : std::exchange(newest, *taken);
    if (!damaged) frame.number = number_;
    if (old) {
      if (auto lost = lose(old->index); !lost) return std::unexpected(lost.error());
    }
    if (newest && newest->captured && reactor_->now() - *newest->captured < kJustNow) break;
  }
  if (!newest) return false;
  if (!make_frame(*newest, frame)) {
    if (auto lost = lose(newest->index); !lost) return std::unexpected(lost.error());
    return false;
  }
  if (auto given = device_->give_back(newest->index); !given) {
    return std::unexpected(given.error());
  }
  return true;
}

Result<void> V4l2Source::lose(std::uint32_t index) {
  ++lost_;
  return device_->give_back(index);
}

/// What the driver had no buffer for is lost, too.
void V4l2Source::count(const V4l2Device::Buffer& buffer) {
  std::uint32_t steps = 1;
  if (sequence_ && buffer.sequence - *sequence_ - 1 < kMostMissed) {
    steps = buffer.sequence - *sequence_;
  }
  sequence_ = buffer.sequence;
  number_ += steps;
  lost_ += steps - 1;
}

bool V4l2Source::make_frame(const V4l2Device::Buffer& buffer, Frame& frame) const {
  frame.encoding = encoding_;
  frame.captured = time_of(buffer);
  if (encoding_ == Encoding::jpeg) {
    auto picture = whole_jpeg(buffer.bytes, true);
    if (!picture) {
      log(LogLevel::debug, "video", path_, ": a picture is left out: ", picture.error());
      return false;
    }
    frame.bytes = std::move(picture->bytes);
    frame.width = picture->width;
    frame.height = picture->height;
    return true;
  }
  frame.width = device_->width();
  frame.height = device_->height();
  const std::size_t row = std::size_t{2} * frame.width, stride = device_->stride();
  if (buffer.bytes.size() < stride * (frame.height - 1) + row) return false;
  if (row == stride) {
    frame.bytes = SharedBytes(buffer.bytes.first(row * frame.height));
    return true;
  }
  std::vector<std::byte> rows(row * frame.height);
  for (std::size_t y = 0; y < frame.height; ++y) {
    std::memcpy(rows.data() + y * row, buffer.bytes.data() + y * stride, row);
  }
  frame.bytes = SharedBytes(rows);
  return true;
}

TimePoint V4l2Source::time_of(const V4l2Device::Buffer& buffer) const {
  const TimePoint now = reactor_->now();
  if (!buffer.captured || *buffer.captured < now - kOldest) return now;
  return std::min(*buffer.captured, now);
}

}  // namespace sluice::video
