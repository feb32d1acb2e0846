#pragma once

#include <string>
#include <vector>

#include "reactor/address.h"
#include "reactor/error.h"

/// Membership in multicast groups, for an open socket. All of it for IPv4 and IPv6 alike.
namespace sluice {

/// A network interface of this machine.
struct Interface {
  unsigned index = 0;
  std::string name;
  bool up = false;
  bool multicast = false;  ///< says that it can; lo does not by default and can all the same
  bool loopback = false;
};

/// Those there are now, by index.
Result<std::vector<Interface>> interfaces();
/// By its name, its number or one of its addresses. ENODEV.
Result<Interface> find_interface(std::string_view text);

/// Joins `group` on the interface of that number (0: the one that the routing table names); with a
/// `source`, only for what comes from there (RFC 4607). A membership that stands already is fine.
/// ENODEV: no such interface, or no route. ENOBUFS: more than igmp_max_memberships on one socket.
Result<void> join_group(int fd, const Address& group, unsigned interface_index,
                        const Address* source = nullptr);
/// EADDRNOTAVAIL: not a member.
Result<void> leave_group(int fd, const Address& group, unsigned interface_index,
                         const Address* source = nullptr);

/// Only the groups that this socket has joined arrive on it (IP_MULTICAST_ALL off): as it stands,
/// Linux delivers those of every process of the machine.
Result<void> only_joined_groups(int fd, int family);

/// Where datagrams to groups go out; how many routers they may pass (0 to 255; 1 is the local
/// network); whether this machine hears them too (it does, as it stands).
Result<void> set_multicast_interface(int fd, int family, unsigned interface_index);
Result<void> set_multicast_hops(int fd, int family, int hops);
Result<void> set_multicast_loop(int fd, int family, bool on);

/// 224.0.0.0/24, ff01::/16 and ff02::/16: routers never pass these on, whatever the hops (RFC 5771
/// section 4, RFC 4291 section 2.7).
bool is_link_local_group(const Address& group);
/// 232.0.0.0/8 and ff3x::/32: for use with a source (RFC 4607 section 1).
bool is_source_specific_group(const Address& group);

}  // namespace sluice
