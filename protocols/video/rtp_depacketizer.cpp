#include <algorithm>
#include <iterator>

#include "protocols/video/jpeg_tables.h"
#include "protocols/video/rtp_packet.h"
#include "reactor/pack.h"

namespace sluice::video {
namespace {

/// Datagrams of one frame, so that sorting them in costs a bounded time: enough for the largest
/// frame in datagrams of 1 KiB.
constexpr std::size_t kMaxPieces = 1 << 14;
/// Complete frames of another source, with nothing of the one that is heard, before it is heard.
constexpr unsigned kStrangeFrames = 3;
/// A timestamp that goes back by more is no late frame, but a clock that was set anew.
constexpr std::int32_t kLateTicks = 10 * rtp::kClock;
/// The same for sequence numbers (RFC 3550, appendix A.1, has 3000 and 100).
constexpr int kMaxGap = 3000, kMaxLate = 100;

/// In turn: how far `a` is behind `b`.
std::int32_t distance(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b);
}

}  // namespace

RtpDepacketizer::Taken RtpDepacketizer::take(std::span<const std::byte> datagram) {
  const auto packet = parse(datagram);
  if (!packet) return refuse(packet.error());
  if (!is_heard(*packet)) return refuse("RTP of a second source");
  if (!is_new(packet->sequence) || is_late(packet->timestamp)) return Taken::part;
  Frame* frame = frame_of(*packet);
  if (!frame) return Taken::part;
  if (const auto trouble = add(*frame, *packet); !trouble.empty()) return refuse(trouble);
  // Pieces do not overlap, and lie within its size: nothing is missing.
  if (!frame->size || frame->data.size() != *frame->size) return Taken::part;
  return finish(*frame);
}

RtpDepacketizer::Taken RtpDepacketizer::refuse(std::string_view why) {
  trouble_ = why;
  ++refused_;
  return Taken::refused;
}

// --- whom, and in which order --------------------------------------------------------------------

bool RtpDepacketizer::is_heard(const Packet& packet) {
  if (!source_) source_ = packet.source;
  if (*source_ == packet.source) {
    strangers_ = 0;
    return true;
  }
  if (packet.source != stranger_) strangers_ = 0;
  stranger_ = packet.source;
  // With the last datagram of a frame, so that the next one is the first to be heard whole.
  if (packet.marker && ++strangers_ == kStrangeFrames) {
    forget();
    source_ = packet.source;
    strangers_ = 0;
  }
  return false;
}

void RtpDepacketizer::forget() {
  for (Frame& frame : making_) {
    if (frame.used) drop(frame);
  }
  sequence_.reset();
  done_.reset();
  window_ = 0;
  kept_tables_.clear();
}

/// Whether it comes for the first time; counts those that are missing.
bool RtpDepacketizer::is_new(std::uint16_t sequence) {
  const int ahead =
      sequence_ ? static_cast<std::int16_t>(static_cast<std::uint16_t>(sequence - *sequence_)) : 1;
  if (ahead > kMaxGap || ahead < -kMaxLate) window_ = 0;  // it counts anew
  if (ahead > 0 || ahead < -kMaxLate) {
    if (ahead > 0 && ahead <= kMaxGap) lost_ += static_cast<std::uint64_t>(ahead - 1);
    window_ = ahead > 0 && ahead < 64 ? window_ << ahead : 0;
    window_ |= 1;
    sequence_ = sequence;
    return true;
  }
  if (ahead <= -64) return true;  // too long ago to know
  const std::uint64_t bit = std::uint64_t{1} << -ahead;
  if ((window_ & bit) != 0) return false;
  window_ |= bit;
  if (lost_ > 0) --lost_;
  return true;
}

bool RtpDepacketizer::is_late(std::uint32_t timestamp) {
  if (!done_) return false;
  const std::int32_t ahead = distance(timestamp, *done_);
  if (ahead > 0) return false;
  if (ahead >= -kLateTicks) return true;
  for (Frame& frame : making_) {
    if (frame.used) drop(frame);
  }
  done_.reset();
  return false;
}

/// Null for one that is older than all that are in the making, when there is no room.
RtpDepacketizer::Frame* RtpDepacketizer::frame_of(const Packet& packet) {
  Frame* free = nullptr;
  Frame* oldest = nullptr;
  for (Frame& frame : making_) {
    if (!frame.used) {
      free = &frame;
      continue;
    }
    if (frame.timestamp == packet.timestamp) return &frame;
    if (!oldest || distance(frame.timestamp, oldest->timestamp) < 0) oldest = &frame;
  }
  if (!free) {
    if (!oldest || distance(packet.timestamp, oldest->timestamp) < 0) return nullptr;
    done_ = oldest->timestamp;
    drop(*oldest);
    free = oldest;
  }
  free->used = true;
  free->timestamp = packet.timestamp;
  free->shape = packet.shape;
  return free;
}

void RtpDepacketizer::drop(Frame& frame) {
  ++dropped_;
  frame.used = false;
  frame.tables.clear();
  frame.pieces.clear();
  frame.data.clear();
  frame.size.reset();
}

// --- a frame -------------------------------------------------------------------------------------

/// Puts a piece where it belongs; else says why it belongs nowhere.
std::string_view RtpDepacketizer::add(Frame& frame, const Packet& packet) {
  if (frame.shape != packet.shape) return "JPEG by RTP that changes within a frame";
  const auto size = static_cast<std::uint32_t>(packet.data.size());
  const std::uint32_t end = packet.offset + size;
  const auto next = std::ranges::upper_bound(frame.pieces, packet.offset, {}, &Piece::offset);
  if (next != frame.pieces.begin()) {
    const Piece& before = *std::prev(next);
    if (before.offset + before.size > packet.offset) return "JPEG by RTP whose pieces overlap";
  }
  if (next != frame.pieces.end() && next->offset < end) return "JPEG by RTP whose pieces overlap";
  const std::uint32_t last =
      frame.pieces.empty() ? 0 : frame.pieces.back().offset + frame.pieces.back().size;
  const bool second_end = packet.marker && (frame.size || last > end);
  if (second_end || (frame.size && end > *frame.size)) return "JPEG by RTP beyond its end";
  if (frame.pieces.size() == kMaxPieces) return "JPEG by RTP in too many pieces";
  if (packet.marker) frame.size = end;
  if (packet.has_tables) frame.tables.assign(packet.tables.begin(), packet.tables.end());
  const auto at = static_cast<std::uint32_t>(frame.data.size());
  frame.pieces.insert(next, {packet.offset, size, at});
  frame.data.insert(frame.data.end(), packet.data.begin(), packet.data.end());
  return {};
}

/// Empty when there are none to be had.
std::span<const std::byte> RtpDepacketizer::tables_of(const Frame& frame) {
  const std::uint8_t quality = frame.shape.quality;
  if (quality < 128) {
    computed_tables_.clear();
    for (const QuantizationTable& table :
         {luminance_quantization(quality), chrominance_quantization(quality)}) {
      const auto bytes = std::as_bytes(std::span(table));
      computed_tables_.insert(computed_tables_.end(), bytes.begin(), bytes.end());
    }
    return computed_tables_;
  }
  // 255 says that they are never to be kept; others stand for the same tables always.
  if (frame.tables.empty()) {
    const bool known = quality != rtp::kTablesInBand && quality == kept_quality_;
    return known ? std::span<const std::byte>(kept_tables_) : std::span<const std::byte>();
  }
  kept_quality_ = quality;
  kept_tables_ = frame.tables;
  return kept_tables_;
}

RtpDepacketizer::Taken RtpDepacketizer::finish(Frame& frame) {
  const auto tables = tables_of(frame);
  if (tables.empty()) {
    drop(frame);
    return refuse("JPEG by RTP without quantization tables");
  }
  write_picture(frame, tables);
  timestamp_ = frame.timestamp;
  done_ = frame.timestamp;
  shape_ = frame.shape;
  ++frames_;
  drop(frame);
  --dropped_;
  for (Frame& other : making_) {
    if (other.used && distance(other.timestamp, timestamp_) < 0) drop(other);
  }
  return Taken::frame;
}

/// The head as ITU T.81 has it, then the pieces in their order (RFC 2435, appendix B).
void RtpDepacketizer::write_picture(const Frame& frame, std::span<const std::byte> tables) {
  const auto append = [this](std::span<const std::byte> bytes) {
    picture_.insert(picture_.end(), bytes.begin(), bytes.end());
  };
  const Shape& shape = frame.shape;
  picture_.clear();
  append(pack<"!HHHB">(0xFFD8, 0xFFDB, 2 + 2 * 65, 0));
  append(tables.first(64));
  append(pack<"!B">(1));
  append(tables.last(64));
  const std::uint8_t sampling = (shape.type & 1) != 0 ? 0x22 : 0x21;
  append(pack<"!HHBHHB">(0xFFC0, 17, 8, static_cast<std::uint16_t>(shape.height * 8),
                         static_cast<std::uint16_t>(shape.width * 8), 3));
  append(pack<"!9B">(1, sampling, 0, 2, 0x11, 1, 3, 0x11, 1));
  append(standard_huffman_tables());
  if (shape.restart_interval != 0) append(pack<"!HHH">(0xFFDD, 4, shape.restart_interval));
  append(pack<"!HH10B">(0xFFDA, 12, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0));
  for (const Piece& piece : frame.pieces) {
    append(std::span(frame.data).subspan(piece.at, piece.size));
  }
  // Most senders leave it out.
  constexpr std::byte kEnd[] = {std::byte{0xFF}, std::byte{0xD9}};
  const bool ended = std::ranges::equal(std::span(picture_).last(2), kEnd);
  if (!ended) append(kEnd);
}

}  // namespace sluice::video
