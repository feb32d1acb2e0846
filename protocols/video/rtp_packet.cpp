#include "protocols/video/rtp_packet.h"

#include "reactor/pack.h"

namespace sluice::video {
namespace {

using Bytes = std::span<const std::byte>;
using Trouble = std::unexpected<std::string_view>;

constexpr std::uint8_t kMaxComputed = 99;  // Q by which tables are computed, from 1

/// Takes so many bytes off the front; nothing when there are fewer.
std::optional<Bytes> take_front(Bytes& bytes, std::size_t size) {
  if (bytes.size() < size) return std::nullopt;
  const Bytes front = bytes.first(size);
  bytes = bytes.subspan(size);
  return front;
}

/// What RTP itself has behind its fixed header, and behind the payload (RFC 3550, section 5).
std::string_view skip_extras(Bytes& rest, std::uint8_t flags) {
  if (!take_front(rest, 4u * (flags & 0x0F))) return "an RTP datagram that is cut short";
  if ((flags & 0x10) != 0) {
    const auto head = take_front(rest, 4);
    if (!head) return "an RTP datagram that is cut short";
    const auto [profile, words] = *unpack<"!HH">(*head);
    if (!take_front(rest, 4u * words)) return "an RTP datagram that is cut short";
  }
  if ((flags & 0x20) != 0) {
    const std::size_t padding = rest.empty() ? 0 : std::to_integer<std::size_t>(rest.back());
    if (padding == 0 || padding > rest.size()) return "an RTP datagram with wrong padding";
    rest = rest.first(rest.size() - padding);
  }
  return {};
}

}  // namespace

std::expected<RtpDepacketizer::Packet, std::string_view> RtpDepacketizer::parse(
    std::span<const std::byte> datagram) const {
  Packet packet;
  Bytes rest = datagram;
  const auto fixed = take_front(rest, rtp::kHeaderBytes);
  if (!fixed || std::to_integer<unsigned>(datagram[0]) >> 6 != 2) return Trouble("not RTP");
  const auto [flags, kind, sequence, timestamp, source] = *unpack<"!BBHII">(*fixed);
  if ((kind & 0x7F) != rtp::kJpegPayload) return Trouble("RTP that carries no JPEG");
  packet.marker = (kind & 0x80) != 0;
  packet.sequence = sequence;
  packet.timestamp = timestamp;
  packet.source = source;
  if (const auto trouble = skip_extras(rest, flags); !trouble.empty()) return Trouble(trouble);

  const auto main = take_front(rest, rtp::kJpegHeaderBytes);
  if (!main) return Trouble("an RTP datagram that is cut short");
  const auto [offset, type, quality, width, height] = *unpack<"!IBBBB">(*main);
  packet.offset = offset & 0xFFFFFF;
  packet.shape = {.type = type, .quality = quality, .width = width, .height = height};
  if (offset >> 24 != 0) return Trouble("JPEG by RTP that is interlaced");
  if ((type & ~(rtp::kRestarts | 1)) != 0) return Trouble("JPEG by RTP of an unknown type");
  if (quality == 0 || (quality > kMaxComputed && quality < 128)) {
    return Trouble("JPEG by RTP with an unknown kind of quantization tables");
  }
  if (width == 0 || height == 0) return Trouble("JPEG by RTP without a size");
  if ((type & rtp::kRestarts) != 0) {
    const auto restart = take_front(rest, rtp::kRestartBytes);
    if (!restart) return Trouble("an RTP datagram that is cut short");
    packet.shape.restart_interval = std::get<0>(*unpack<"!HH">(*restart));
    if (packet.shape.restart_interval == 0) return Trouble("JPEG by RTP with a wrong restart");
  }
  if (quality >= 128 && packet.offset == 0) {
    const auto head = take_front(rest, rtp::kTablesBytes);
    if (!head) return Trouble("an RTP datagram that is cut short");
    const auto [zero, precision, length] = *unpack<"!BBH">(*head);
    const auto tables = take_front(rest, length);
    if (!tables) return Trouble("an RTP datagram that is cut short");
    // One for both, or one each.
    if (length != 0 && (precision != 0 || (length != 64 && length != 128))) {
      return Trouble("JPEG by RTP with an unknown kind of quantization tables");
    }
    packet.has_tables = true;
    packet.tables = *tables;
  }
  if (rest.empty()) return Trouble("an RTP datagram with nothing in it");
  if (packet.offset + rest.size() > rtp::kMaxFrameBytes) return Trouble("a JPEG that is too large");
  packet.data = rest;
  return packet;
}

}  // namespace sluice::video
