#include "reactor/multicast.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "reactor/text.h"

namespace sluice {
namespace {

int level_of(int family) {
  return family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
}

std::uint32_t v4_bits(const Address& address) {
  ::sockaddr_in in;
  std::memcpy(&in, address.data(), sizeof in);
  return ntohl(in.sin_addr.s_addr);
}

/// The first two bytes of an IPv6 address.
unsigned v6_prefix(const Address& address) {
  ::sockaddr_in6 in;
  std::memcpy(&in, address.data(), sizeof in);
  return static_cast<unsigned>(in.sin6_addr.s6_addr[0]) << 8 | in.sin6_addr.s6_addr[1];
}

Result<void> change_membership(int fd, const Address& group, unsigned interface_index,
                               const Address* source, int plain, int with_source,
                               const char* operation) {
  int done;
  if (source) {
    group_source_req request{};
    request.gsr_interface = interface_index;
    std::memcpy(&request.gsr_group, group.data(), group.size());
    std::memcpy(&request.gsr_source, source->data(), source->size());
    done = setsockopt(fd, level_of(group.family()), with_source, &request, sizeof request);
  } else {
    group_req request{};
    request.gr_interface = interface_index;
    std::memcpy(&request.gr_group, group.data(), group.size());
    done = setsockopt(fd, level_of(group.family()), plain, &request, sizeof request);
  }
  if (done == 0) return {};
  return fail(operation);
}

Result<void> set_int(int fd, int family, int v4_name, int v6_name, int value,
                     const char* operation) {
  const int name = family == AF_INET6 ? v6_name : v4_name;
  if (setsockopt(fd, level_of(family), name, &value, sizeof value) == 0) return {};
  return fail(operation);
}

struct FreeList {
  void operator()(ifaddrs* list) const { freeifaddrs(list); }
};
using AddressList = std::unique_ptr<ifaddrs, FreeList>;

Result<AddressList> all_addresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return fail("getifaddrs");
  return AddressList(list);
}

Address address_of(const ifaddrs& entry) {
  if (entry.ifa_addr == nullptr) return {};
  const int family = entry.ifa_addr->sa_family;
  if (family != AF_INET && family != AF_INET6) return {};
  return Address::from_sockaddr(entry.ifa_addr,
                                family == AF_INET ? sizeof(::sockaddr_in) : sizeof(::sockaddr_in6));
}

}  // namespace

Result<std::vector<Interface>> interfaces() {
  const auto list = all_addresses();
  if (!list) return std::unexpected(list.error());
  std::vector<Interface> found;
  // One entry for each address and, of family AF_PACKET, for each interface.
  for (const ifaddrs* entry = list->get(); entry != nullptr; entry = entry->ifa_next) {
    const unsigned index = if_nametoindex(entry->ifa_name);
    if (index == 0 || std::ranges::find(found, index, &Interface::index) != found.end()) continue;
    found.push_back({.index = index,
                     .name = entry->ifa_name,
                     .up = (entry->ifa_flags & IFF_UP) != 0,
                     .multicast = (entry->ifa_flags & IFF_MULTICAST) != 0,
                     .loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0});
  }
  std::ranges::sort(found, {}, &Interface::index);
  return found;
}

Result<Interface> find_interface(std::string_view text) {
  const auto all = interfaces();
  if (!all) return std::unexpected(all.error());
  for (const Interface& one : *all) {
    if (one.name == text) return one;
  }
  if (const auto number = parse_number<unsigned>(text)) {
    const auto one = std::ranges::find(*all, *number, &Interface::index);
    if (one != all->end()) return *one;
  }
  const auto list = all_addresses();
  if (!list) return std::unexpected(list.error());
  for (const ifaddrs* entry = list->get(); entry != nullptr; entry = entry->ifa_next) {
    const Address address = address_of(*entry);
    if (address.family() == AF_UNSPEC) continue;
    const std::string host = address.host();  // of fe80:: ones it ends in %NAME
    if (host != text && std::string_view(host).substr(0, host.find('%')) != text) continue;
    // An address may have a label in place of the interface's name, which has a colon then.
    const std::string_view label = entry->ifa_name;
    const auto one = std::ranges::find(*all, label.substr(0, label.find(':')), &Interface::name);
    if (one != all->end()) return *one;
  }
  return fail("no such network interface", ENODEV);
}

Result<void> join_group(int fd, const Address& group, unsigned interface_index,
                        const Address* source) {
  auto done = change_membership(fd, group, interface_index, source, MCAST_JOIN_GROUP,
                                MCAST_JOIN_SOURCE_GROUP, "join the group");
  // A source that is joined already gives EADDRNOTAVAIL: net/ipv4/igmp.c, ip_mc_source().
  const int stands = source ? EADDRNOTAVAIL : EADDRINUSE;
  if (!done && done.error().code == stands) return {};
  return done;
}

Result<void> leave_group(int fd, const Address& group, unsigned interface_index,
                         const Address* source) {
  return change_membership(fd, group, interface_index, source, MCAST_LEAVE_GROUP,
                           MCAST_LEAVE_SOURCE_GROUP, "leave the group");
}

Result<void> only_joined_groups(int fd, int family) {
  return set_int(fd, family, IP_MULTICAST_ALL, IPV6_MULTICAST_ALL, 0, "IP_MULTICAST_ALL");
}

Result<void> set_multicast_interface(int fd, int family, unsigned interface_index) {
  if (family == AF_INET6) {
    return set_int(fd, family, 0, IPV6_MULTICAST_IF, static_cast<int>(interface_index),
                   "IPV6_MULTICAST_IF");
  }
  ip_mreqn request{};
  request.imr_ifindex = static_cast<int>(interface_index);
  if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) == 0) return {};
  return fail("IP_MULTICAST_IF");
}

Result<void> set_multicast_hops(int fd, int family, int hops) {
  return set_int(fd, family, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, hops, "IP_MULTICAST_TTL");
}

Result<void> set_multicast_loop(int fd, int family, bool on) {
  return set_int(fd, family, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, on, "IP_MULTICAST_LOOP");
}

bool is_link_local_group(const Address& group) {
  if (group.family() == AF_INET) return v4_bits(group) >> 8 == 0xe00000;
  if (group.family() != AF_INET6) return false;
  const unsigned scope = v6_prefix(group);  // ffFS: flags and scope (RFC 4291, section 2.7)
  return scope >> 8 == 0xff && (scope & 0xf) >= 1 && (scope & 0xf) <= 2;
}

bool is_source_specific_group(const Address& group) {
  if (group.family() == AF_INET) return v4_bits(group) >> 24 == 232;
  return group.family() == AF_INET6 && v6_prefix(group) >> 4 == 0xff3;
}

}  // namespace sluice
