#include <optional>

#include "protocols/video/payload.h"
#include "protocols/video/receivers.h"
#include "reactor/connector.h"
#include "reactor/log.h"
#include "reactor/stream.h"
#include "reactor/text.h"

namespace sluice::video {
namespace {

constexpr std::string_view kWho = "video";
constexpr auto kConnectTime = std::chrono::seconds(10);

/// Its states:
///
///     connecting --> receiving --FIN, a failure, a length that is too large--> ended
///          \------------------- nobody there ------------------------------------^
class TcpReceiver final : public Receiver, private StreamHandler {
 public:
  TcpReceiver(Reactor& reactor, const Address& to, std::size_t max_bytes)
      : reactor_(&reactor),
        to_(to),
        max_bytes_(max_bytes),
        reader_(max_bytes),
        connector_(reactor, [this](Result<Fd> socket) { connected(std::move(socket)); }) {}

  std::string name() const override { return concat("tcp ", to_); }
  std::string address() const override { return to_.to_string(); }
  Encoding encoding() const override { return encoding_; }
  ReceiverCounters counters() const override { return counters_; }

  Started start(FrameSink& sink) override {
    sink_ = &sink;
    connector_.start(to_, kConnectTime);
    return {};
  }

 private:
  void connected(Result<Fd> socket) {
    if (!socket) return end(socket.error().message(to_.to_string()));
    StreamHandler& handler = *this;
    stream_.emplace(*reactor_, std::move(*socket), handler);
  }

  void on_data(Stream&, std::span<const std::byte> bytes) noexcept override {
    counters_.bytes += bytes.size();
    while (!bytes.empty() && !over_) {
      bytes = bytes.subspan(reader_.feed(bytes));
      if (const auto payload = reader_.payload()) take(*payload);
      if (const auto length = reader_.refused()) {
        ++counters_.refused;
        stream_->abort();
        end(concat(to_, " announces a frame of ", *length, " bytes, and at most ", max_bytes_,
                   " are taken"));
      }
    }
  }

  void take(std::span<const std::byte> payload) {
    auto frame = read_payload(payload);
    if (!frame) {
      if (counters_.refused++ == 0) {
        log(LogLevel::warning, kWho, to_, " sends what is no picture: ", frame.error());
      }
      return;
    }
    if (counters_.frames == 0) encoding_ = frame->encoding;
    frame->number = ++counters_.frames;
    frame->captured = reactor_->now();
    sink_->on_frame(*frame);
  }

  void on_eof(Stream& stream) noexcept override {
    stream.close();
    if (!reader_.inside()) return end({});
    ++counters_.lost;
    end(concat(to_, " ended in the middle of a frame"));
  }

  void on_closed(Stream&, Error error) noexcept override {
    if (reader_.inside() && !over_) ++counters_.lost;
    end(error ? error.message(to_.to_string()) : std::string());
  }

  void end(std::string_view why) {
    if (!std::exchange(over_, true)) sink_->on_end(why);
  }

  Reactor* reactor_;
  Address to_;
  std::size_t max_bytes_;
  FrameReader reader_;
  FrameSink* sink_ = nullptr;
  Encoding encoding_ = Encoding::jpeg;
  ReceiverCounters counters_;
  bool over_ = false;
  Connector connector_;
  std::optional<Stream> stream_;
};

}  // namespace

std::unique_ptr<Receiver> make_tcp_receiver(Reactor& reactor, const Address& to,
                                            std::size_t max_bytes) {
  return std::make_unique<TcpReceiver>(reactor, to, max_bytes);
}

}  // namespace sluice::video
