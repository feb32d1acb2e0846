#include "protocols/video/tcp_frame_service.h"

#include "protocols/video/frame_writer.h"
#include "protocols/video/pickle.h"
#include "protocols/video/tcp_frames.h"
#include "reactor/text.h"

namespace sluice::video {
namespace {

Wrapping wrap(const Frame& frame) {
  PickleFrame pickle;
  if (frame.encoding == Encoding::bgr) pickle = pickle_frame(frame.width, frame.height);
  const std::size_t size = pickle.before.size() + frame.bytes.size() + pickle.after.size();
  return {SharedBytes(as_bytes(concat(as_text(frame_length(size)), pickle.before))),
          SharedBytes(as_bytes(pickle.after))};
}

/// One viewer.
///
///     watching --the hub's end, drain(), FIN--> leaving --the frame under way is out--> closed
class FrameSession final : public Session, private FrameSink {
 public:
  FrameSession(TcpFrameService& service, Fd socket, const Address& peer)
      : Session(service, std::move(socket), peer),
        frames_(&service),
        writer_(stream(), &wrap),
        stall_(service.reactor().timer([this] { look_for_stall(); })) {
    if (service.hub().ended()) {
      stream().close();
    } else {
      service.hub().add(*this);
    }
  }

  void on_data(Stream&, std::span<const std::byte> bytes) noexcept override {
    service().count().bytes_in += bytes.size();
  }
  void on_drained(Stream&) noexcept override {
    writer_.on_drained();
    count();
    if (leaving_ && writer_.idle()) stream().close();
  }
  void drain() noexcept override {
    frames_->hub().remove(*this);
    leaving_ = true;
    if (writer_.idle()) stream().close();
  }
  bool endless() const noexcept override { return true; }
  void ended() noexcept override {
    frames_->hub().remove(*this);
    count();
  }

 private:
  void on_frame(const Frame& frame) noexcept override {
    if (frame.encoding == Encoding::yuyv) return;  // nobody at the other end could tell
    writer_.send(frame);
    count();
    if (!writer_.idle() && !stall_.armed()) stall_.start(limits::kStallTimeout);
  }
  void on_end(std::string_view) noexcept override { drain(); }

  void look_for_stall() {
    if (writer_.idle()) return;
    const Duration left = limits::kStallTimeout - writer_.stalled();
    if (left > Duration::zero()) return stall_.start(left);
    log(LogLevel::warning, "takes nothing any more");
    abort();
  }

  /// What has changed since the last time.
  void count() {
    frames_->frames_sent += writer_.sent() - sent_;
    frames_->frames_skipped += writer_.skipped() - skipped_;
    service().count().bytes_out += writer_.bytes() - bytes_;
    sent_ = writer_.sent();
    skipped_ = writer_.skipped();
    bytes_ = writer_.bytes();
  }

  TcpFrameService* frames_;
  FrameWriter writer_;
  Timer stall_;
  bool leaving_ = false;
  std::uint64_t sent_ = 0, skipped_ = 0, bytes_ = 0;
};

}  // namespace

TcpFrameService::TcpFrameService(Reactor& reactor, FrameHub& hub, Options options)
    : TcpService(reactor, {.address = options.address, .max_clients = options.max_clients}),
      hub_(&hub),
      video_options_(std::move(options)) {}

std::unique_ptr<Session> TcpFrameService::make_session(Fd socket, const Address& peer) {
  return std::make_unique<FrameSession>(*this, std::move(socket), peer);
}

}  // namespace sluice::video
