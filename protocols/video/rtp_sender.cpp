#include <sys/random.h>

#include <algorithm>
#include <ctime>

#include "protocols/video/rtcp.h"
#include "protocols/video/sender_socket.h"
#include "protocols/video/senders.h"
#include "reactor/log.h"

namespace sluice::video {
namespace {

constexpr std::string_view kWho = "video";
/// Sent at once: half of what the smallest usual receive buffer holds, at 2,304 bytes each.
constexpr std::size_t kBurstBytes = 46 * rtp::kDatagramBytes;
constexpr auto kReportEvery = std::chrono::seconds(5);  // RFC 3550, section 6.2

template <class T>
T random_number() {
  T number{};
  (void)getrandom(&number, sizeof number, GRND_NONBLOCK);
  return number;
}

std::int64_t wall_clock() {
  timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

/// The hub's clock in RTP's ticks.
std::uint32_t ticks(TimePoint time) {
  const std::int64_t ns = Duration(time.time_since_epoch()).count();
  return static_cast<std::uint32_t>(ns / 100'000 * 9 + ns % 100'000 * 9 / 100'000);
}

}  // namespace

RtpSender::RtpSender(FrameHub& hub, Options options)
    : hub_(&hub),
      options_(std::move(options)),
      socket_(hub.reactor(), *this),
      control_(hub.reactor(), *this),
      packetizer_(random_number<std::uint32_t>(), random_number<std::uint16_t>()),
      first_timestamp_(random_number<std::uint32_t>()),
      next_burst_(hub.reactor().timer([this] { go_on(); })),
      next_report_(hub.reactor().timer([this] { report(false); })) {}

RtpSender::~RtpSender() {
  hub_->remove(*this);
  if (counters_.datagrams != 0) report(true);
}

Started RtpSender::start() {
  if (hub_->encoding() != Encoding::jpeg) {
    return std::unexpected("RTP carries JPEG, and this video is none");
  }
  Address control = options_.to;
  control.set_port(static_cast<std::uint16_t>(control.port() + 1));
  if (control.port() == 0) return std::unexpected("RTP needs the port behind its own, too");
  for (const auto& [socket, to] : {std::pair(&socket_, &options_.to), {&control_, &control}}) {
    if (auto opened = open_to(*socket, *to, options_.ttl, options_.interface); !opened) {
      return opened;
    }
  }
  hub_->add(*this);
  return {};
}

std::string RtpSender::description() const {
  return rtp_session_description(options_.to, hub_->source().name(), options_.ttl);
}

/// Those of two frames are never the same, whatever their source says.
std::uint32_t RtpSender::timestamp_of(const Frame& frame) {
  const TimePoint when = frame.captured == TimePoint{} ? hub_->reactor().now() : frame.captured;
  std::uint32_t timestamp = first_timestamp_ + ticks(when);
  if (counters_.frames != 0 && static_cast<std::int32_t>(timestamp - timestamp_) <= 0) {
    timestamp = timestamp_ + 1;
  }
  return timestamp;
}

void RtpSender::on_frame(const Frame& frame) noexcept {
  pacing_.frame(hub_->reactor().now());
  if (!left_.empty()) {
    ++counters_.skipped;
    return;
  }
  const std::uint32_t timestamp = timestamp_of(frame);
  const bool is_jpeg = frame.encoding == Encoding::jpeg;
  if (!is_jpeg || !packetizer_.cut(frame.bytes.bytes(), timestamp)) {
    ++counters_.skipped;
    const std::string_view why = is_jpeg ? packetizer_.trouble() : "RTP carries JPEG only";
    if (why != std::exchange(refused_, why)) log(LogLevel::warning, kWho, "not by RTP: ", why);
    return;
  }
  timestamp_ = timestamp;
  left_ = packetizer_.bytes();
  bursts_ = (left_.size() + kBurstBytes - 1) / kBurstBytes;
  go_on();
}

void RtpSender::go_on() {
  const auto burst = left_.first(std::min(left_.size(), kBurstBytes));
  const auto sent = socket_.send_segments(burst, rtp::kDatagramBytes, options_.to);
  if (!sent) {
    left_ = {};
    ++counters_.skipped;
    return tell(sent.error());
  }
  const std::size_t datagrams = (*sent + rtp::kDatagramBytes - 1) / rtp::kDatagramBytes;
  counters_.datagrams += datagrams;
  counters_.bytes += *sent;
  payload_bytes_ += static_cast<std::uint32_t>(*sent - datagrams * rtp::kHeaderBytes);
  left_ = left_.subspan(*sent);
  if (*sent < burst.size()) return;  // on_writable comes
  if (!left_.empty()) return next_burst_.start(pacing_.gap(bursts_));
  if (++counters_.frames == 1) {
    report(false);
    next_report_.start_every(kReportEvery);
  }
}

void RtpSender::report(bool leaving) {
  const TimePoint now = hub_->reactor().now();
  const std::string name = concat("sluice-", packetizer_.source());
  (void)control_.send(rtcp_datagram({.source = packetizer_.source(),
                                     .wall_clock = wall_clock(),
                                     .timestamp = first_timestamp_ + ticks(now),
                                     .datagrams = static_cast<std::uint32_t>(counters_.datagrams),
                                     .bytes = payload_bytes_,
                                     .name = name,
                                     .leaving = leaving}));
}

void RtpSender::tell(Error error) {
  if (std::exchange(told_, true)) return;
  log(LogLevel::warning, kWho, "to ", options_.to, ": ", std::strerror(error.code),
      "; sending goes on");
}

void RtpSender::on_datagrams(Datagram&, std::span<const Received>) noexcept {}

void RtpSender::on_writable(Datagram& socket) noexcept {
  if (&socket == &socket_ && !left_.empty() && !next_burst_.armed()) go_on();
}

/// That nobody hears the reports is usual.
void RtpSender::on_error(Datagram& socket, const Address&, Error error) noexcept {
  if (&socket == &socket_) tell(error);
}

}  // namespace sluice::video
