#include "protocols/video/http_video.h"

#include <sys/socket.h>

#include <ctime>
#include <optional>

#include "protocols/http/escape.h"
#include "protocols/video/frame_writer.h"
#include "reactor/address.h"
#include "reactor/log.h"
#include "reactor/text.h"

namespace sluice::video {
namespace {

constexpr std::string_view kBoundary = "sluice-frame";

Duration read_clock(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// `1795651200.012345`, of a point on the monotonic clock.
Decimal seconds_since_1970(TimePoint when) {
  const Duration ago = read_clock(CLOCK_MONOTONIC) - when.time_since_epoch();
  const Duration then = read_clock(CLOCK_REALTIME) - ago;
  return {std::chrono::duration_cast<std::chrono::microseconds>(then).count(), 6};
}

SharedBytes shared(std::string_view text) {
  return SharedBytes(as_bytes(text));
}

SharedBytes head_of(const Frame& frame) {
  return shared(concat("Content-Type: image/jpeg\r\nContent-Length: ", frame.bytes.size(),
                       "\r\nX-Timestamp: ", seconds_since_1970(frame.captured),
                       "\r\nX-Frame: ", frame.number, "\r\n\r\n"));
}

/// The boundary of the next part comes right behind the frame: a browser paints a part once it
/// knows that it is over.
SharedBytes tail_of_a_part() {
  return shared(concat("\r\n--", kBoundary, "\r\n"));
}

http::Response picture_of(const Frame& frame) {
  return {.body = std::string(as_text(frame.bytes.bytes())),
          .type = "image/jpeg",
          .headers = {{"X-Timestamp", concat(seconds_since_1970(frame.captured))},
                      {"X-Frame", std::to_string(frame.number)}}};
}

http::Response no_picture(const FrameHub& hub, std::string_view otherwise) {
  const std::string_view trouble = hub.trouble();
  return http::sentence(503, trouble.empty() ? otherwise : trouble);
}

/// Waits for one frame.
class Snapshot final : public http::LaterAnswer, private FrameSink {
 public:
  explicit Snapshot(FrameHub& hub) : hub_(&hub) {}
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  ~Snapshot() override { hub_->remove(*this); }

  void begin(Reply reply) override {
    reply_ = std::move(reply);
    patience_ = hub_->reactor().after(HttpVideo::kSnapshotTime,
                                      [this] { answer(no_picture(*hub_, "no picture came")); });
    hub_->add(*this);
  }

 private:
  void on_frame(const Frame& frame) noexcept override { answer(picture_of(frame)); }
  void on_end(std::string_view) noexcept override { answer(no_picture(*hub_, "")); }

  void answer(http::Response response) {
    hub_->remove(*this);
    patience_.stop();
    reply_(std::move(response));
  }

  FrameHub* hub_;
  Timer patience_;
  Reply reply_;
};

}  // namespace

/// Who looks at the stream.
class HttpViewer final : public http::LongAnswer, private FrameSink {
 public:
  explicit HttpViewer(HttpVideo& video) : video_(&video) {}
  HttpViewer(const HttpViewer&) = delete;
  HttpViewer& operator=(const HttpViewer&) = delete;
  ~HttpViewer() override;

  void begin(Stream& stream, ServiceCounters& counters) override;
  void on_drained() noexcept override;

  HttpVideo::Viewer figures() const;

 private:
  void on_frame(const Frame& frame) noexcept override;
  void on_end(std::string_view trouble) noexcept override;
  void count();

  HttpVideo* video_;
  Stream* stream_ = nullptr;
  ServiceCounters* counters_ = nullptr;
  std::uint64_t counted_ = 0;  // bytes
  std::string address_;
  std::optional<FrameWriter> writer_;  // from begin() on
  std::list<HttpViewer*>::iterator place_;
};

HttpViewer::~HttpViewer() {
  if (!writer_) return;
  video_->hub_->remove(*this);
  video_->viewers_.erase(place_);
  video_->gone_.sent += writer_->sent();
  video_->gone_.skipped += writer_->skipped();
}

void HttpViewer::begin(Stream& stream, ServiceCounters& counters) {
  stream_ = &stream;
  counters_ = &counters;
  if (const auto peer = Address::peer_of(stream.fd())) address_ = peer->to_string();
  writer_.emplace(stream, [this](const Frame& frame) { return video_->part(frame); });
  place_ = video_->viewers_.insert(video_->viewers_.end(), this);
  FrameHub& hub = *video_->hub_;
  const bool at_once = hub.fresh(HttpVideo::kFirstAge);
  hub.add(*this);
  if (at_once) on_frame(hub.latest());
}

void HttpViewer::on_frame(const Frame& frame) noexcept {
  if (writer_->stalled() >= HttpVideo::kStallTime) {
    log(LogLevel::info, "http", address_, " takes nothing of the video any more");
    // Without this the kernel would go on trying to send what it holds.
    constexpr linger kAtOnce{.l_onoff = 1, .l_linger = 0};
    setsockopt(stream_->fd(), SOL_SOCKET, SO_LINGER, &kAtOnce, sizeof kAtOnce);
    return on_end({});
  }
  writer_->send(frame);
  count();
}

void HttpViewer::on_end(std::string_view) noexcept {
  video_->hub_->remove(*this);
  stream_->close();
}

void HttpViewer::on_drained() noexcept {
  writer_->on_drained();
  count();
}

void HttpViewer::count() {
  counters_->bytes_out += writer_->bytes() - counted_;
  counted_ = writer_->bytes();
}

HttpVideo::Viewer HttpViewer::figures() const {
  return {.sent = writer_->sent(), .skipped = writer_->skipped(), .address = address_};
}

HttpVideo::HttpVideo(FrameHub& hub) : hub_(&hub), part_{.after = tail_of_a_part()} {
  figures_.add_source(hub);
  figures_.add_form("http", [this] {
    const Viewer all = total();
    return VideoFigures::Form{viewers_.size(), all.sent, all.skipped};
  });
}

HttpVideo::~HttpVideo() = default;

void HttpVideo::add_to(http::Routes& routes) {
  routes.add("/stream.mjpg", [this](const http::Request&) { return stream(); });
  routes.add("/snapshot.jpg", [this](const http::Request&) { return snapshot(); });
  routes.add("/video.json", [this](const http::Request&) -> http::Answer { return json(); });
  routes.add_metrics([this](http::MetricsText& text) { figures_.write_metrics(text); });
  routes.add_picture({.path = "/stream.mjpg",
                      .alt = concat("Video: ", hub_->source().name()),
                      .note = [this] { return figures_.sentence(); }});
}

const Wrapping& HttpVideo::part(const Frame& frame) {
  if (frame.number != part_number_) {
    part_.before = head_of(frame);
    part_number_ = frame.number;
  }
  return part_;
}

/// no-store, which all answers have, is not enough for some proxies before us: nginx would buffer.
http::Answer HttpVideo::stream() {
  if (hub_->ended()) return no_picture(*hub_, "");
  return {{.body = concat("--", kBoundary, "\r\n"),
           .type = concat("multipart/x-mixed-replace; boundary=", kBoundary),
           .headers = {{"Pragma", "no-cache"}, {"X-Accel-Buffering", "no"}}},
          std::make_unique<HttpViewer>(*this)};
}

http::Answer HttpVideo::snapshot() {
  if (hub_->ended()) return no_picture(*hub_, "");
  if (hub_->fresh(kSnapshotAge)) return picture_of(hub_->latest());
  return http::Answer(std::make_unique<Snapshot>(*hub_));
}

http::Response HttpVideo::json() {
  std::string text = concat('{', figures_.json(), ",\"viewers\":[");
  const char* comma = "";
  std::size_t named = 0;
  for (const HttpViewer* viewer : viewers_) {
    if (++named > kNamedViewers) break;
    const Viewer now = viewer->figures();
    text += concat(std::exchange(comma, ","), "{\"address\":\"", http::json_escaped(now.address),
                   "\",\"sent\":", now.sent, ",\"skipped\":", now.skipped, '}');
  }
  return {.body = text + "]}\n", .type = "application/json"};
}

std::vector<HttpVideo::Viewer> HttpVideo::viewers() const {
  std::vector<Viewer> all;
  for (const HttpViewer* viewer : viewers_) all.push_back(viewer->figures());
  return all;
}

HttpVideo::Viewer HttpVideo::total() const {
  Viewer sum = gone_;
  for (const HttpViewer* viewer : viewers_) {
    const Viewer now = viewer->figures();
    sum.sent += now.sent;
    sum.skipped += now.skipped;
  }
  return sum;
}

}  // namespace sluice::video
