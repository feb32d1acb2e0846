#include <algorithm>

#include "protocols/video/rtp_jpeg.h"
#include "reactor/pack.h"

namespace sluice::video {
namespace {

constexpr std::size_t kTableBytes = 64;
constexpr std::uint8_t kVersion = 2 << 6;
constexpr std::uint8_t kMarker = 0x80;
/// The whole of what lies between two restart markers is never known to be in one datagram: the
/// receiver is to wait for all of a frame (RFC 2435, section 3.1.7).
constexpr std::uint16_t kWholeFrame = 0xffff;

/// How long an SOS segment of three components is, with its marker; then its scan is the only one
/// that there can be.
constexpr std::size_t kScanHead = 14;
/// Which tables it names: those of luminance are 0, those of chrominance 1.
constexpr std::byte kScanTables[] = {std::byte{0x00}, std::byte{0x11}, std::byte{0x11}};

std::uint8_t type_of(const JpegHead& head) {
  return head.components[0].vertical == 2 ? 1 : 0;
}

bool uses_usual_tables(std::span<const std::byte> scan_head) {
  for (std::size_t i = 0; i < 3; ++i) {
    if (scan_head[6 + 2 * i] != kScanTables[i]) return false;
  }
  return true;
}

}  // namespace

std::expected<void, std::string_view> fits_rtp(const JpegHead& head) {
  if (head.frame_marker != 0xC0 || head.precision != 8) {
    return std::unexpected("RTP carries baseline JPEG of 8 bits only, and this is another kind");
  }
  if (!head.standard_huffman) {
    return std::unexpected("RTP carries JPEG with the standard Huffman tables only");
  }
  if (head.components.size() != 3) {
    return std::unexpected("RTP carries JPEG of three components only");
  }
  if (head.scans != 1 || head.scan_at - head.frame_at != kScanHead) {
    return std::unexpected("RTP carries JPEG of one scan only");
  }
  const auto& [luminance, blue, red] =
      std::tie(head.components[0], head.components[1], head.components[2]);
  if (luminance.horizontal != 2 || luminance.vertical == 0 || luminance.vertical > 2 ||
      blue.horizontal != 1 || blue.vertical != 1 || red.horizontal != 1 || red.vertical != 1) {
    return std::unexpected("RTP carries JPEG with the usual 4:2:0 or 4:2:2 sampling only");
  }
  if (blue.table != red.table) {
    return std::unexpected("RTP carries JPEG with one quantization table for both colours only");
  }
  for (const std::uint8_t table : {luminance.table, blue.table}) {
    if (table >= 4 || head.quantization[table].size() != kTableBytes) {
      return std::unexpected("RTP carries JPEG with quantization tables of 8 bits only");
    }
  }
  if (head.width > rtp::kMaxSide || head.height > rtp::kMaxSide) {
    return std::unexpected("RTP carries JPEG of at most 2040x2040 pixels");
  }
  if (head.width == 0 || head.width % 8 != 0 || head.height == 0 || head.height % 8 != 0) {
    return std::unexpected("RTP carries JPEG with sides that are multiples of 8 pixels only");
  }
  return {};
}

RtpPacketizer::RtpPacketizer(std::uint32_t source, std::uint16_t first_sequence)
    : source_(source), sequence_(first_sequence) {}

bool RtpPacketizer::refuse(std::string_view why) {
  trouble_ = why;
  return false;
}

void RtpPacketizer::append(std::span<const std::byte> bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

bool RtpPacketizer::cut(std::span<const std::byte> jpeg, std::uint32_t timestamp) {
  bytes_.clear();
  sizes_.clear();
  const auto head = read_jpeg(jpeg);
  if (!head) return refuse(head.error());
  if (auto fits = fits_rtp(*head); !fits) return refuse(fits.error());
  if (!uses_usual_tables(jpeg.subspan(head->frame_at, kScanHead))) {
    return refuse("the JPEG uses its Huffman tables in an unusual way");
  }
  constexpr std::size_t kEndMarker = 2;
  const auto data = jpeg.subspan(head->scan_at, head->end - kEndMarker - head->scan_at);
  if (data.empty()) return refuse("the JPEG has no picture in it");
  if (data.size() > rtp::kMaxFrameBytes) return refuse("the JPEG is too large for RTP");

  const bool restarts = head->restart_interval != 0;
  const auto type = static_cast<std::uint8_t>(type_of(*head) + (restarts ? rtp::kRestarts : 0));
  for (std::size_t offset = 0; offset < data.size();) {
    const std::size_t heads = rtp::kHeaderBytes + rtp::kJpegHeaderBytes +
                              (restarts ? rtp::kRestartBytes : 0) +
                              (offset == 0 ? rtp::kTablesBytes + 2 * kTableBytes : 0);
    const std::size_t size = std::min(rtp::kDatagramBytes - heads, data.size() - offset);
    const bool last = offset + size == data.size();
    append(pack<"!BBHII">(kVersion,
                          static_cast<std::uint8_t>(rtp::kJpegPayload | (last ? kMarker : 0)),
                          sequence_++, timestamp, source_));
    append(pack<"!IBBBB">(static_cast<std::uint32_t>(offset), type, rtp::kTablesInBand,
                          static_cast<std::uint8_t>(head->width / 8),
                          static_cast<std::uint8_t>(head->height / 8)));
    if (restarts) append(pack<"!HH">(head->restart_interval, kWholeFrame));
    if (offset == 0) {
      append(pack<"!BBH">(0, 0, 2 * kTableBytes));
      append(head->quantization[head->components[0].table]);
      append(head->quantization[head->components[1].table]);
    }
    append(data.subspan(offset, size));
    sizes_.push_back(heads + size);
    offset += size;
  }
  return true;
}

}  // namespace sluice::video
