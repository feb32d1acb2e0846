#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <optional>

#include "reactor/address.h"
#include "reactor/clock.h"
#include "reactor/error.h"

/// Socket options that know the type of their value, for a Socket and for a bare descriptor:
///
///     socket.setsockopt(option::keep_alive, true);
///     set_option(fd, option::receive_timeout, 500ms);
///     const Result<int> bytes = socket.getsockopt(option::receive_buffer);
///
/// An error names the option: `SO_BROADCAST: Bad file descriptor`. What each does: socket(7),
/// tcp(7), ip(7), ipv6(7).
namespace sluice {

template <class T>
struct Option {
  using Value = T;
  int level;
  int name;
  const char* operation;
};

/// SO_LINGER: how long close() waits for what is unsent. Off (nothing), it returns at once and the
/// kernel goes on sending; zero seconds throws the unsent away and resets the connection.
using Linger = std::optional<std::chrono::seconds>;

/// SO_DONTLINGER, which Linux lacks: true is linger off.
struct DontLinger {
  using Value = bool;
};

/// A multicast group and the interface to hear it on: by number, else by the address of the
/// interface (IPv4 only), else the one that the routing table names.
struct Membership {
  Address group;
  unsigned interface_index = 0;
  Address interface_address = {};
};

/// Sets only: the kernel does not tell memberships.
struct MembershipOption {
  using Value = Membership;
  int v4_name;
  int v6_name;
  const char* operation;
};

namespace option {
inline constexpr Option<bool> reuse_address{SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR"};
inline constexpr Option<bool> reuse_port{SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT"};
inline constexpr Option<bool> keep_alive{SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE"};
inline constexpr Option<bool> dont_route{SOL_SOCKET, SO_DONTROUTE, "SO_DONTROUTE"};
inline constexpr Option<bool> broadcast{SOL_SOCKET, SO_BROADCAST, "SO_BROADCAST"};
/// Bytes. The kernel doubles what is set for its own accounting, caps it at net.core.rmem_max or
/// wmem_max, and tells the doubled number.
inline constexpr Option<int> receive_buffer{SOL_SOCKET, SO_RCVBUF, "SO_RCVBUF"};
inline constexpr Option<int> send_buffer{SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF"};
/// After this long a blocking call ends with EAGAIN; zero waits for ever. Rounded up to the
/// kernel's tick. Socket::settimeout is the other way: it says ETIMEDOUT.
inline constexpr Option<Duration> receive_timeout{SOL_SOCKET, SO_RCVTIMEO, "SO_RCVTIMEO"};
inline constexpr Option<Duration> send_timeout{SOL_SOCKET, SO_SNDTIMEO, "SO_SNDTIMEO"};
inline constexpr Option<Linger> linger{SOL_SOCKET, SO_LINGER, "SO_LINGER"};
inline constexpr DontLinger dont_linger{};
inline constexpr Option<bool> no_delay{IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY"};
/// Routers that a multicast may pass, 0 to 255; 1 unless set: the local network.
inline constexpr Option<int> multicast_ttl{IPPROTO_IP, IP_MULTICAST_TTL, "IP_MULTICAST_TTL"};
/// A group of IPv6 is joined and left likewise. EAFNOSUPPORT for an address that is neither.
inline constexpr MembershipOption add_membership{IP_ADD_MEMBERSHIP, IPV6_ADD_MEMBERSHIP,
                                                 "IP_ADD_MEMBERSHIP"};
inline constexpr MembershipOption drop_membership{IP_DROP_MEMBERSHIP, IPV6_DROP_MEMBERSHIP,
                                                  "IP_DROP_MEMBERSHIP"};
}  // namespace option

Result<void> set_option(int fd, const Option<bool>& option, bool on);
Result<void> set_option(int fd, const Option<int>& option, int value);
Result<void> set_option(int fd, const Option<Duration>& option, Duration time);
Result<void> set_option(int fd, const Option<Linger>& option, Linger linger);
Result<void> set_option(int fd, const DontLinger& option, bool on);
Result<void> set_option(int fd, const MembershipOption& option, const Membership& membership);

Result<bool> get_option(int fd, const Option<bool>& option);
Result<int> get_option(int fd, const Option<int>& option);
Result<Duration> get_option(int fd, const Option<Duration>& option);
Result<Linger> get_option(int fd, const Option<Linger>& option);
Result<bool> get_option(int fd, const DontLinger& option);

}  // namespace sluice
