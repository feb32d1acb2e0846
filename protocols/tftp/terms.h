#pragma once

#include <cstddef>
#include <cstdint>

#include "protocols/tftp/packet.h"
#include "reactor/address.h"

namespace sluice::tftp {

/// What both sides have agreed on.
struct Terms {
  std::uint16_t block_size = kDefaultBlock;
  std::uint16_t window = 1;
  std::uint16_t rollover = 0;
};

/// What is under way at once in a window, packets with their headers, at most.
inline constexpr std::size_t kMaxWindowBytes = 1024 * 1024;

/// `wanted`, or as many blocks of that size as kMaxWindowBytes and `room` bytes of a receive buffer
/// hold; at least 1.
std::uint16_t bounded_window(std::uint16_t wanted, std::uint16_t block_size,
                             std::size_t room = SIZE_MAX);

/// The largest block that goes to `peer` in one packet, as far as this machine knows the way there
/// (IP_MTU, ip(7)), so that nothing is fragmented; at least kDefaultBlock.
std::uint16_t largest_block(const Address& peer);

}  // namespace sluice::tftp
