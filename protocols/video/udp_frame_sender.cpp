#include <algorithm>

#include "protocols/video/sender_socket.h"
#include "protocols/video/senders.h"
#include "reactor/log.h"

namespace sluice::video {
namespace {

constexpr std::string_view kWho = "video";
/// Chunks sent at once: the kernel counts 64 KiB for each, so that even the smallest usual receive
/// buffer holds them and those of the burst before.
constexpr std::size_t kBurst = 2;
constexpr std::size_t kBursts = chunks::kCount / kBurst;

}  // namespace

UdpFrameSender::UdpFrameSender(FrameHub& hub, const Address& to)
    : hub_(&hub),
      to_(to),
      socket_(hub.reactor(), *this),
      datagram_(chunks::kDatagramBytes),
      timer_(hub.reactor().timer([this] { go_on(); })) {}

UdpFrameSender::~UdpFrameSender() {
  hub_->remove(*this);
}

Started UdpFrameSender::start() {
  if (hub_->encoding() != Encoding::bgr) {
    return std::unexpected("the UDP format carries pixels, and this video has none");
  }
  if (auto opened = open_to(socket_, to_, 1, {}); !opened) return opened;
  hub_->add(*this);
  return {};
}

void UdpFrameSender::on_frame(const Frame& frame) noexcept {
  pacing_.frame(hub_->reactor().now());
  const bool fits = frame.encoding == Encoding::bgr && frame.width == chunks::kWidth &&
                    frame.height == chunks::kHeight && frame.bytes.size() == chunks::kFrameBytes;
  if (!fits || next_ < chunks::kCount) {
    ++counters_.skipped;
    return;
  }
  current_ = frame;
  next_ = 0;
  go_on();
}

void UdpFrameSender::go_on() {
  for (std::size_t i = 0; i < kBurst && next_ < chunks::kCount; ++i) {
    const auto bytes = current_.bytes.bytes().subspan(next_ * chunks::kBytes, chunks::kBytes);
    datagram_[0] = static_cast<std::byte>(next_);
    std::ranges::copy(bytes, datagram_.begin() + 1);
    if (auto sent = socket_.send(datagram_); !sent) {
      if (sent.error().code == EAGAIN) return;  // on_writable comes
      return give_up(sent.error());
    }
    ++next_;
    ++counters_.datagrams;
    counters_.bytes += datagram_.size();
  }
  if (next_ < chunks::kCount) return timer_.start(pacing_.gap(kBursts));
  current_ = {};
  ++counters_.frames;
}

/// The rest of a frame is of no use without the chunk that did not go.
void UdpFrameSender::give_up(Error error) {
  next_ = chunks::kCount;
  current_ = {};
  ++counters_.skipped;
  tell(error);
}

void UdpFrameSender::tell(Error error) {
  if (std::exchange(told_, true)) return;
  log(LogLevel::warning, kWho, "to ", to_, ": ", std::strerror(error.code), "; sending goes on");
}

void UdpFrameSender::on_datagrams(Datagram&, std::span<const Received>) noexcept {}

void UdpFrameSender::on_writable(Datagram&) noexcept {
  if (next_ < chunks::kCount && !timer_.armed()) go_on();
}

void UdpFrameSender::on_error(Datagram&, const Address&, Error error) noexcept {
  tell(error);
}

}  // namespace sluice::video
