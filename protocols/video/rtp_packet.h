#pragma once

#include "protocols/video/rtp_jpeg.h"

namespace sluice::video {

/// A datagram of RTP with a piece of a JPEG, taken apart. Spans point into it.
struct RtpDepacketizer::Packet {
  std::uint32_t source = 0, timestamp = 0, offset = 0;
  std::uint16_t sequence = 0;
  bool marker = false;
  bool has_tables = false;  // the header for them; they themselves may be left out
  Shape shape;
  std::span<const std::byte> tables, data;
};

}  // namespace sluice::video
