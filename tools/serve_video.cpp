#include "tools/serve_video.h"

#include <fcntl.h>

#include <algorithm>

#include "protocols/video/senders.h"
#include "protocols/video/tcp_frame_service.h"
#include "reactor/text.h"
#include "reactor/write_all.h"

namespace sluice::tools {
namespace {

/// Which options are of no use without which others; the first that runs is enough.
constexpr struct {
  std::string_view option;
  std::string_view needs[3];
} kNeeds[] = {
    {"video-source", {"http", "video", "video-rtp"}},
    {"video-fps", {"video-source", "video", "video-rtp"}},
    {"video-size", {"video-source", "video", "video-rtp"}},
    {"video-payload", {"video"}},
    {"video-sdp", {"video-rtp"}},
    {"video-rtp-ttl", {"video-rtp"}},
};

std::optional<std::string> stray_video_option(const ServeSettings& settings, bool all) {
  for (const auto& [option, needs] : kNeeds) {
    if (!settings.has(option)) continue;
    std::string missing;
    bool fine = false;
    for (const std::string_view need : needs) {
      if (need.empty()) continue;
      fine = fine || settings.has(need) || (all && need != "video-rtp");
      missing += concat(missing.empty() ? "" : " or ", "--", need);
    }
    if (!fine) return concat("--", option, " without ", missing);
  }
  if (settings.has("video-rtp") && !settings.has("video-sdp")) {
    return "--video-rtp needs --video-sdp FILE: nobody could read the stream without that";
  }
  return std::nullopt;
}

/// `640x480`.
std::optional<std::pair<std::uint32_t, std::uint32_t>> parse_size(std::string_view text) {
  const std::size_t x = text.find('x');
  if (x == text.npos) return std::nullopt;
  const auto width = parse_number<std::uint32_t>(text.substr(0, x));
  const auto height = parse_number<std::uint32_t>(text.substr(x + 1));
  constexpr std::uint32_t kMost = 16'384;
  if (!width || !height || *width == 0 || *height == 0) return std::nullopt;
  if (*width > kMost || *height > kMost) return std::nullopt;
  return std::pair(*width, *height);
}

/// Whether --video sends pickles. The error is a sentence.
std::expected<bool, std::string> read_payload(const ServeSettings& settings,
                                              std::string_view source) {
  const bool test = source == "test";
  const std::string payload = settings.text("video-payload", test ? "pickle" : "jpeg");
  if (payload == "jpeg") return false;
  if (payload != "pickle") {
    return std::unexpected(concat("--video-payload is pickle or jpeg, not ", payload));
  }
  if (test) return true;
  return std::unexpected(concat("--video-payload pickle takes pixels, and ", source,
                                " gives JPEGs, which only 'sluice video serve' can decode"));
}

Service* find_running(const std::vector<Running>& all, std::string_view name) {
  const auto found = std::ranges::find_if(
      all, [name](const Running& running) { return running.kind->name == name; });
  return found == all.end() ? nullptr : found->service.get();
}

/// The RTP sender as a service: it has no clients, but sends from start to drain.
class RtpService final : public Service, private video::FrameSink {
 public:
  RtpService(video::FrameHub& hub, video::RtpSender::Options options, std::string sdp)
      : hub_(&hub), to_(options.to), sdp_(std::move(sdp)) {
    sender_ = std::make_unique<video::RtpSender>(hub, std::move(options));
  }
  RtpService(const RtpService&) = delete;
  RtpService& operator=(const RtpService&) = delete;
  ~RtpService() override { hub_->remove(*this); }

  std::string_view name() const override { return "video-rtp"; }
  Started start() override;
  std::string address() const override { return to_.to_string(); }
  void drain() override { abort(); }
  void abort() override;
  bool finished() const override { return !sender_; }
  void on_finished(Callback callback) override { on_finished_ = std::move(callback); }

  video::VideoFigures::Form figures() const {
    if (!sender_) return {0, last_.frames, last_.skipped};
    return {1, sender_->counters().frames, sender_->counters().skipped};
  }

 private:
  /// The figures of the frame before.
  void on_frame(const video::Frame&) noexcept override {
    counters_.bytes_out = sender_->counters().bytes;
  }

  video::FrameHub* hub_;
  Address to_;
  std::string sdp_;
  std::unique_ptr<video::RtpSender> sender_;  // null: over
  video::SenderCounters last_;
  Callback on_finished_;
};

Started RtpService::start() {
  if (auto started = sender_->start(); !started) return started;
  Fd file(open(sdp_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file) return std::unexpected(Error::last("open").message(sdp_));
  if (auto written = write_all(file.get(), sender_->description()); !written) {
    return std::unexpected(written.error().message(sdp_));
  }
  hub_->add(*this);
  return {};
}

void RtpService::abort() {
  if (!sender_) return;
  last_ = sender_->counters();
  counters_.bytes_out = last_.bytes;
  hub_->remove(*this);
  sender_.reset();
  if (on_finished_) hub_->reactor().post(std::exchange(on_finished_, {}));
}

}  // namespace

std::expected<VideoSettings, std::string> VideoSettings::read(const ServeSettings& settings,
                                                              bool all) {
  if (auto stray = stray_video_option(settings, all)) return std::unexpected(std::move(*stray));
  VideoSettings read{.source = video::camera_path(settings.text("video-source", "test"))};
  const auto fps = settings.number("video-fps", 0, 1, 1'000);
  if (!fps) return std::unexpected(fps.error());
  read.options.fps = static_cast<std::uint32_t>(*fps);
  if (const std::string* text = settings.find("video-size")) {
    const auto size = parse_size(*text);
    if (!size) return std::unexpected(concat("--video-size is as 640x480, not ", *text));
    read.options.width = size->first;
    read.options.height = size->second;
  }
  const bool tcp = all || settings.has("video"), rtp = settings.has("video-rtp");
  if (tcp) {
    const auto pickle = read_payload(settings, read.source);
    if (!pickle) return std::unexpected(pickle.error());
    read.pickle = read.pixels = *pickle;
  }
  const bool shown = (all || settings.has("http")) && (tcp || rtp || settings.has("video-source"));
  read.jpeg = shown || rtp || (tcp && !read.pickle);
  return read;
}

Started ServeVideo::start(const VideoSettings& settings) {
  pickle_ = settings.pickle;
  for (const bool raw : {false, true}) {
    if (!(raw ? settings.pixels : settings.jpeg)) continue;
    auto made = make(settings, raw);
    if (!made) return std::unexpected(concat("video: ", made.error()));
    (raw ? pixels_ : jpeg_) = std::move(*made);
  }
  return {};
}

std::expected<ServeVideo::Feed, std::string> ServeVideo::make(const VideoSettings& settings,
                                                              bool raw) {
  video::SourceOptions options = settings.options;
  options.raw = raw;
  auto source = video::make_source(*reactor_, settings.source, options);
  if (!source) return std::unexpected(std::move(source.error()));
  Feed made{std::move(*source), {}};
  made.hub = std::make_unique<video::FrameHub>(*reactor_, *made.source);
  if (auto started = made.hub->start(); !started) return std::unexpected(started.error());
  return made;
}

void ServeVideo::add_to(http::Routes& routes, const std::vector<Running>& all) {
  if (!jpeg()) return;
  video::VideoFigures& figures = http_.emplace(*jpeg()).figures();
  if (pixels_.hub) figures.add_source(*pixels_.hub);
  figures.add_form("tcp", [&all] {
    const auto* tcp = static_cast<video::TcpFrameService*>(find_running(all, "video"));
    return tcp ? video::VideoFigures::Form{tcp->active(), tcp->frames_sent, tcp->frames_skipped}
               : video::VideoFigures::Form{};
  });
  figures.add_form("rtp", [&all] {
    const auto* rtp = static_cast<RtpService*>(find_running(all, "video-rtp"));
    return rtp ? rtp->figures() : video::VideoFigures::Form{};
  });
  http_->add_to(routes);
}

Made make_video(const Making& making) {
  const auto address = Address::parse(making.address);
  if (!address) {
    return std::unexpected(concat("--video ", making.address, ": ", address.error().operation));
  }
  return std::make_unique<video::TcpFrameService>(
      making.reactor, *making.video.payload(),
      video::TcpFrameService::Options{.address = *address});
}

Made make_video_rtp(const Making& making) {
  const auto to = resolve(making.address);
  if (!to) return std::unexpected(to.error().message(concat("--video-rtp ", making.address)));
  const auto ttl = making.settings.number("video-rtp-ttl", 1, 1, 255);
  if (!ttl) return std::unexpected(ttl.error());
  return std::make_unique<RtpService>(
      *making.video.jpeg(),
      video::RtpSender::Options{.to = to->front(), .ttl = static_cast<int>(*ttl)},
      making.settings.text("video-sdp", ""));
}

}  // namespace sluice::tools
