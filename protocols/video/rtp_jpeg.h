#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/video/jpeg.h"
#include "reactor/address.h"

namespace sluice::video {

/// RTP (RFC 3550) with a JPEG payload (RFC 2435).
namespace rtp {
inline constexpr std::uint8_t kJpegPayload = 26;
inline constexpr std::uint32_t kClock = 90'000;          // ticks a second
inline constexpr std::size_t kDatagramBytes = 1400;      // at most, so that nothing is fragmented
inline constexpr std::size_t kMaxFrameBytes = 1u << 24;  // what the fragment offset can say
inline constexpr std::size_t kHeaderBytes = 12;          // of RTP
inline constexpr std::size_t kJpegHeaderBytes = 8;       // those of RFC 2435, section 3.1
inline constexpr std::size_t kRestartBytes = 4;
inline constexpr std::size_t kTablesBytes = 4;
inline constexpr std::uint8_t kRestarts = 64;       // added to the type: there are restart markers
inline constexpr std::uint8_t kTablesInBand = 255;  // as Q: each frame brings its tables
inline constexpr std::uint32_t kMaxSide = 2040;     // pixels
}  // namespace rtp

/// Whether RFC 2435 can carry it: 8-bit baseline, three components in one scan, 4:2:0 or 4:2:2,
/// standard Huffman tables, at most 2040x2040 and multiples of 8. The error says what is in the
/// way.
std::expected<void, std::string_view> fits_rtp(const JpegHead& head);

/// Cuts pictures into datagrams. The first of each has its quantization tables, so that a receiver
/// may come at any time.
class RtpPacketizer {
 public:
  /// Both are to be random (RFC 3550, section 5.1).
  RtpPacketizer(std::uint32_t source, std::uint16_t first_sequence);

  /// The datagrams of one picture, one behind another in bytes(), lengths in sizes(); valid until
  /// the next call. `timestamp` in ticks of 1/90,000 s. False when fits_rtp refuses: trouble()
  /// says.
  bool cut(std::span<const std::byte> jpeg, std::uint32_t timestamp);
  std::span<const std::byte> bytes() const { return bytes_; }
  std::span<const std::size_t> sizes() const { return sizes_; }
  std::string_view trouble() const { return trouble_; }
  std::uint32_t source() const { return source_; }

 private:
  bool refuse(std::string_view why);
  void append(std::span<const std::byte> bytes);

  std::uint32_t source_;
  std::uint16_t sequence_;
  std::vector<std::byte> bytes_;
  std::vector<std::size_t> sizes_;
  std::string_view trouble_;
};

/// Puts pictures together again and gives them back the head that RTP left out. Datagrams may come
/// somewhat out of order; a frame of which one is missing when a later one is complete is dropped.
/// It hears one source; another takes its place when only that is heard. Memory: what has come of
/// at most kFrames frames.
class RtpDepacketizer {
 public:
  enum class Taken : std::uint8_t { part, frame, refused };
  Taken take(std::span<const std::byte> datagram);
  /// The picture just completed, SOI to EOI; valid until the next take().
  std::span<const std::byte> picture() const { return picture_; }
  std::uint32_t width() const { return shape_.width * 8u; }  ///< of it, in pixels
  std::uint32_t height() const { return shape_.height * 8u; }
  std::uint32_t timestamp() const { return timestamp_; }
  std::string_view trouble() const { return trouble_; }  ///< of the last refused one

  std::uint64_t frames() const { return frames_; }
  std::uint64_t dropped() const { return dropped_; }  ///< frames of which something was missing
  std::uint64_t lost() const { return lost_; }        ///< datagrams, by their sequence numbers
  std::uint64_t refused() const { return refused_; }

 private:
  static constexpr std::size_t kFrames = 3;

  /// What all datagrams of a frame say alike.
  struct Shape {
    std::uint8_t type = 0, quality = 0, width = 0, height = 0;  // sides in units of 8 pixels
    std::uint16_t restart_interval = 0;
    bool operator==(const Shape&) const = default;
  };
  struct Packet;
  struct Piece {
    std::uint32_t offset, size;  // in the picture's data
    std::uint32_t at;            // in Frame::data
  };
  struct Frame {
    bool used = false;
    std::uint32_t timestamp = 0;
    Shape shape;
    std::vector<std::byte> tables;  // luminance, then chrominance
    std::vector<Piece> pieces;      // by offset
    std::vector<std::byte> data;    // in the order in which it came
    std::optional<std::uint32_t> size;
  };

  std::expected<Packet, std::string_view> parse(std::span<const std::byte> datagram) const;
  bool is_heard(const Packet& packet);
  bool is_new(std::uint16_t sequence);
  bool is_late(std::uint32_t timestamp);
  void forget();
  Frame* frame_of(const Packet& packet);
  std::string_view add(Frame& frame, const Packet& packet);
  std::span<const std::byte> tables_of(const Frame& frame);
  Taken finish(Frame& frame);
  void write_picture(const Frame& frame, std::span<const std::byte> tables);
  void drop(Frame& frame);
  Taken refuse(std::string_view why);

  std::vector<std::byte> picture_;
  Shape shape_;
  std::uint32_t timestamp_ = 0;
  std::string_view trouble_;
  std::uint64_t frames_ = 0, dropped_ = 0, lost_ = 0, refused_ = 0;

  std::array<Frame, kFrames> making_;
  std::optional<std::uint32_t> source_;
  std::uint32_t stranger_ = 0;
  unsigned strangers_ = 0;  // frames of stranger_, with nothing of source_ between them
  std::optional<std::uint16_t> sequence_;  // the highest
  std::uint64_t window_ = 0;               // which of the 64 up to it have come
  std::optional<std::uint32_t> done_;      // timestamp up to which all frames are over
  std::vector<std::byte> computed_tables_;
  std::vector<std::byte> kept_tables_;  // for frames that come without
  std::uint8_t kept_quality_ = 0;
};

/// The session description (RFC 8866) with which ffplay, VLC and GStreamer find the stream. `ttl`
/// is told of a group of IPv4 only.
std::string rtp_session_description(const Address& to, std::string_view name, int ttl = 1);

}  // namespace sluice::video
