#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/error.h"

namespace sluice {

/// Where a socket is or wants to be: IPv4, IPv6, the path of a Unix socket, or nothing yet.
///
/// A value: copied, compared, kept as a key. IPv4 and IPv6 cost no allocation; a Unix path is rare
/// and long, so it lives on the heap and is copied with its owner. A moved-from Unix address is
/// empty, as a default-constructed one is: family AF_UNSPEC, size 0.
///
/// `::ffff:10.0.0.1`, which an IPv6 listener reports for a client that came by IPv4, prints as
/// `10.0.0.1` and is loopback, multicast or any as that is, but is not equal to it.
class Address {
 public:
  Address() : ip_{} {}
  Address(const Address& other);
  Address& operator=(const Address& other);
  Address(Address&&) noexcept = default;
  Address& operator=(Address&&) noexcept = default;
  ~Address() = default;

  /// Reads `127.0.0.1:80`, `[::1]:80`, `[fe80::1%lo]:80` (the zone is an interface's name or
  /// number, RFC 4007 section 11), `:5008` (any IPv4 address), `unix:/path`, and `unix:@name` (the
  /// abstract namespace, unix(7)). Only numbers: it never looks a name up. The port is a whole
  /// number from 0 to 65535 and nothing may follow it. Errors are EINVAL, or ENAMETOOLONG for a
  /// Unix path over 107 bytes, or ENODEV for an interface that is not there; the operation says
  /// what is wrong.
  static Result<Address> parse(std::string_view text);

  /// What accept(2), recvfrom(2) and their like have filled in. Another family than the three, or
  /// a size too small for its family, gives an empty Address.
  static Address from_sockaddr(const ::sockaddr* data, socklen_t size);

  /// Room for recvmsg(2) and its like to write an IPv4 or IPv6 address into; kIpBytes of it. What
  /// was there before is gone.
  ::sockaddr* to_fill();
  static constexpr socklen_t kIpBytes = sizeof(::sockaddr_in6);

  static Address any_v4(std::uint16_t port);
  static Address loopback_v4(std::uint16_t port);

  /// The address that the socket `fd` is bound to: getsockname(2). Tells the port after port 0.
  static Result<Address> local_of(int fd);
  /// The address that `fd` is connected to: getpeername(2); ENOTCONN when it is not.
  static Result<Address> peer_of(int fd);

  /// What bind(2), connect(2) and sendto(2) take. Valid until this Address changes or ends.
  const ::sockaddr* data() const;
  socklen_t size() const;

  /// AF_INET, AF_INET6, AF_UNIX, or AF_UNSPEC when empty.
  int family() const { return unix_ ? AF_UNIX : ip_.v4.sin_family; }
  /// In the order of the host; 0 for a Unix socket.
  std::uint16_t port() const;
  /// Does nothing to a Unix or an empty address.
  void set_port(std::uint16_t port);

  /// What parse() reads: `127.0.0.1:80`, `[::1]:80`, `unix:/path`; empty for an empty address, and
  /// `unix:` for a Unix socket that has no name, as most clients are.
  std::string to_string() const;
  /// The same without port and brackets: `127.0.0.1`, `::1`, `fe80::1%lo`, `/path`.
  std::string host() const;

  bool is_loopback() const;   ///< 127.0.0.0/8 and ::1
  bool is_multicast() const;  ///< 224.0.0.0/4 and ff00::/8
  bool is_any() const;        ///< 0.0.0.0 and ::
  /// Loopback, link-local, and what networks of their own use: RFC 1918, RFC 6598, fc00::/7.
  bool is_private() const;

  /// The IPv4 address that `::ffff:10.0.0.1` stands for, with the port; any other as it is.
  Address unmapped() const;
  /// Whether both are the same host, by whichever family; the ports do not matter.
  bool same_host(const Address& other) const;

  /// Ordered by family, then host, port and zone; Unix sockets by their path.
  std::strong_ordering operator<=>(const Address& other) const;
  bool operator==(const Address& other) const { return (*this <=> other) == 0; }

 private:
  struct Unix {
    ::sockaddr_un address;
    socklen_t size;
  };

  static Result<Address> parse_unix(std::string_view path);
  static Result<Address> parse_v6(std::string_view text);
  bool v4_mapped() const;
  /// The IPv4 address in host order, also of a mapped one. Asks for `v4() || v4_mapped()`.
  std::uint32_t v4_bits() const;
  bool has_v4_bits() const { return family() == AF_INET || v4_mapped(); }

  // Both begin with the family, which may be read through either.
  union {
    ::sockaddr_in6 v6;  // the larger first, so that {} clears all of it
    ::sockaddr_in v4;
  } ip_;
  std::unique_ptr<Unix> unix_;  // when set, ip_ means nothing
};

static_assert(sizeof(Address) <= 40, "every session holds an Address");

/// All addresses of `HOST:PORT`, in the order to try them (RFC 6724, by getaddrinfo(3)). Also takes
/// what parse() takes. May block for as long as the name servers like: for programs, before their
/// loop runs. Errors beside those of parse(): ENXIO for a host that does not exist or has no
/// address, EAGAIN when no name server answers, EIO when one fails; the operation says so.
Result<std::vector<Address>> resolve(std::string_view host_port);

/// A sentence for who could not bind `address` (EADDRINUSE) when its port lies in the range from
/// which the kernel takes the ports of clients, so that any connection may hold it; else empty.
std::string bind_hint(const Address& address);

}  // namespace sluice
