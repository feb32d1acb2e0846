#include "protocols/tftp/terms.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "protocols/tftp/window.h"
#include "reactor/fd.h"

namespace sluice::tftp {
namespace {

constexpr std::size_t kUdpHeader = 8, kIpv4Header = 20, kIpv6Header = 40;

/// What the kernel holds of its own beside a small datagram that waits to be read.
constexpr std::size_t kPacketOverhead = 1024;

}  // namespace

std::uint16_t bounded_window(std::uint16_t wanted, std::uint16_t block_size, std::size_t room) {
  const std::size_t packet = block_size + kDataHeader;
  const std::size_t most = std::min(kMaxWindowBytes / packet, room / (packet + kPacketOverhead));
  return static_cast<std::uint16_t>(
      std::clamp<std::size_t>(most, 1, std::clamp<std::uint16_t>(wanted, 1, kMaxWindow)));
}

std::uint16_t largest_block(const Address& peer) {
  const Address way = peer.unmapped();
  const bool v6 = way.family() == AF_INET6;
  const Fd probe(::socket(way.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  int mtu = 0;
  socklen_t size = sizeof mtu;
  if (!probe || ::connect(probe.get(), way.data(), way.size()) != 0 ||
      ::getsockopt(probe.get(), v6 ? int{IPPROTO_IPV6} : int{IPPROTO_IP}, v6 ? IPV6_MTU : IP_MTU,
                   &mtu, &size) != 0) {
    return kDefaultBlock;
  }
  const int headers = static_cast<int>((v6 ? kIpv6Header : kIpv4Header) + kUdpHeader + kDataHeader);
  return static_cast<std::uint16_t>(std::clamp<int>(mtu - headers, kDefaultBlock, kMaxBlock));
}

}  // namespace sluice::tftp
