#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

/// The header of a numbered datagram, so that a receiver can tell what it missed: 24 bytes,
/// integers big-endian, before the payload:
///
///     magic  8b 53 4c 4d | version u8 = 1 | flags u8 = 0 | reserved u16 = 0
///     stream u32 | sequence u32 | sent u64 (ns since 1970, the sender's clock)
///
/// A magic whose first byte is no UTF-8, so that no text is taken for one.
namespace sluice::multicast {

inline constexpr std::size_t kHeaderBytes = 24;

struct Header {
  std::uint32_t stream = 0;    ///< chosen anew by each run of a sender
  std::uint32_t sequence = 0;  ///< from 0, wraps
  std::uint64_t sent = 0;
  bool operator==(const Header&) const = default;
};

/// The header of `datagram`, or nothing when it does not begin with one.
std::optional<Header> parse_header(std::span<const std::byte> datagram);
void put_header(std::span<std::byte, kHeaderBytes> out, const Header& header);

}  // namespace sluice::multicast
