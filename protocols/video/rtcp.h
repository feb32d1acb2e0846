#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::video {

/// What a sender tells about itself (RFC 3550, section 6.4.1).
struct SenderReport {
  std::uint32_t source = 0;
  std::int64_t wall_clock = 0;  ///< ns since 1970
  std::uint32_t timestamp = 0;  ///< of RTP, at that moment
  std::uint32_t datagrams = 0;  ///< sent so far, modulo 2^32, as are
  std::uint32_t bytes = 0;      ///< those of their payloads
  std::string_view name = {};   ///< CNAME: the same for as long as the sender runs; at most 255
  bool leaving = false;         ///< says BYE, too
};

/// One RTCP datagram: the report, who it is from, and perhaps the farewell.
std::vector<std::byte> rtcp_datagram(const SenderReport& report);

}  // namespace sluice::video
