#include "protocols/broadcast/targets.h"

#include <net/if.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace sluice::broadcast {
namespace {

/// In the order of the host; 0 when it is none of IPv4.
std::uint32_t bits_of(const ::sockaddr* address) {
  if (address == nullptr || address->sa_family != AF_INET) return 0;
  ::sockaddr_in v4;
  std::memcpy(&v4, address, sizeof v4);
  return ntohl(v4.sin_addr.s_addr);
}

/// The address for all of the network; 0 when it has none.
std::uint32_t broadcast_of(const ::ifaddrs& entry) {
  const std::uint32_t host = bits_of(entry.ifa_addr);
  const std::uint32_t mask = bits_of(entry.ifa_netmask);
  if (host == 0 || std::popcount(mask) > 30) return 0;
  // An address that was given to an interface without one has it all the same.
  const std::uint32_t told = bits_of(entry.ifa_broadaddr);
  return told != 0 && told != host ? told : host | ~mask;
}

}  // namespace

std::vector<Target> targets_of(const ::ifaddrs* list, std::uint16_t port,
                               std::string_view interface) {
  constexpr unsigned kNeeded = IFF_UP | IFF_BROADCAST;
  std::vector<Target> found;
  for (const ::ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (!interface.empty() && interface != entry->ifa_name) continue;
    if ((entry->ifa_flags & kNeeded) != kNeeded) continue;
    const std::uint32_t bits = broadcast_of(*entry);
    if (bits == 0) continue;
    ::sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(bits);
    Target target{entry->ifa_name,
                  Address::from_sockaddr(reinterpret_cast<const ::sockaddr*>(&v4), sizeof v4)};
    // Two addresses of one network are one network.
    if (std::ranges::find(found, target.address, &Target::address) == found.end()) {
      found.push_back(std::move(target));
    }
  }
  return found;
}

Result<std::vector<Target>> targets(std::uint16_t port, std::string_view interface) {
  if (!interface.empty() && if_nametoindex(std::string(interface).c_str()) == 0) {
    return fail("if_nametoindex", ENODEV);
  }
  ::ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return fail("getifaddrs");
  auto found = targets_of(list, port, interface);
  ::freeifaddrs(list);
  return found;
}

}  // namespace sluice::broadcast
