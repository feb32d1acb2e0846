#include "reactor/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <utility>

namespace sluice {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::size_t kPathOffset = offsetof(::sockaddr_un, sun_path);

constexpr const char* kNoPort = "no port: expected HOST:PORT";
constexpr const char* kBadPort = "the port is not a number from 0 to 65535";
constexpr const char* kNotNumeric = "not a numeric address";

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stopped != end) return fail(kBadPort, EINVAL);
  return port;
}

/// The C functions want a terminated string; a NUL inside would hide what follows it.
bool to_binary(int family, std::string_view text, void* to) {
  if (text.find('\0') != text.npos) return false;
  return ::inet_pton(family, std::string(text).c_str(), to) == 1;
}

Result<std::uint32_t> parse_zone(std::string_view zone) {
  std::uint32_t index = 0;
  const char* end = zone.data() + zone.size();
  const auto [stopped, error] = std::from_chars(zone.data(), end, index);
  if (error == std::errc() && stopped == end && index != 0) return index;
  if (zone.find('\0') == zone.npos) index = ::if_nametoindex(std::string(zone).c_str());
  if (index == 0) return fail("no such interface after %", ENODEV);
  return index;
}

struct HostPort {
  std::string_view host;
  std::uint16_t port;
};

/// Splits at the last colon. What has several without brackets may be an IPv6 address.
Result<HostPort> split(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos) return fail(kNoPort, EINVAL);
  const std::string_view host = text.substr(0, colon);
  if (host.find(':') != host.npos)
    return fail("an IPv6 address needs brackets, as in [::1]:80", EINVAL);
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return std::unexpected(port.error());
  return HostPort{host, *port};
}

Address v4(std::uint32_t host, std::uint16_t port) {
  ::sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(host);
  in.sin_port = htons(port);
  return Address::from_sockaddr(reinterpret_cast<const ::sockaddr*>(&in), sizeof in);
}

std::unexpected<Error> lookup_error(int code) {
  switch (code) {
    case EAI_NONAME:
      return fail("name lookup: no such host", ENXIO);
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
      return fail("name lookup: the host has no address", ENXIO);
    case EAI_AGAIN:
      return fail("name lookup: no name server answers", EAGAIN);
    case EAI_MEMORY:
      return fail("name lookup", ENOMEM);
    case EAI_SYSTEM:
      return fail("name lookup");
    default:
      return fail("name lookup: the name server failed", EIO);
  }
}

}  // namespace

Address::Address(const Address& other) : ip_(other.ip_) {
  if (other.unix_) unix_ = std::make_unique<Unix>(*other.unix_);
}

Address& Address::operator=(const Address& other) {
  if (this != &other) *this = Address(other);
  return *this;
}

Result<Address> Address::parse(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) return parse_unix(text.substr(kUnixPrefix.size()));
  if (text.starts_with('[')) return parse_v6(text.substr(1));
  const auto parts = split(text);
  if (!parts) return std::unexpected(parts.error());
  if (parts->host.empty()) return any_v4(parts->port);
  ::in_addr host{};
  if (!to_binary(AF_INET, parts->host, &host)) return fail(kNotNumeric, EINVAL);
  return v4(ntohl(host.s_addr), parts->port);
}

Result<Address> Address::parse_unix(std::string_view path) {
  if (path.empty() || path == "@") return fail("no path after unix:", EINVAL);
  const bool abstract = path.front() == '@';
  if (!abstract && path.find('\0') != path.npos) return fail("the path holds a NUL", EINVAL);
  ::sockaddr_un un{};
  if (path.size() >= sizeof un.sun_path) return fail("the path is over 107 bytes", ENAMETOOLONG);
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(), path.size());
  // An abstract name begins with a NUL and is as long as it is; a path ends with one.
  if (abstract) un.sun_path[0] = '\0';
  const std::size_t size = kPathOffset + path.size() + (abstract ? 0 : 1);
  return from_sockaddr(reinterpret_cast<const ::sockaddr*>(&un), static_cast<socklen_t>(size));
}

Result<Address> Address::parse_v6(std::string_view text) {
  const auto bracket = text.find(']');
  if (bracket == text.npos) return fail("no ] after the IPv6 address", EINVAL);
  const std::string_view rest = text.substr(bracket + 1);
  if (!rest.starts_with(':')) return fail(kNoPort, EINVAL);
  const auto port = parse_port(rest.substr(1));
  if (!port) return std::unexpected(port.error());

  ::sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(*port);
  const std::string_view host = text.substr(0, bracket);
  const auto percent = host.find('%');
  if (!to_binary(AF_INET6, host.substr(0, percent), &in.sin6_addr))
    return fail(kNotNumeric, EINVAL);
  if (percent != host.npos) {
    const auto zone = parse_zone(host.substr(percent + 1));
    if (!zone) return std::unexpected(zone.error());
    in.sin6_scope_id = *zone;
  }
  return from_sockaddr(reinterpret_cast<const ::sockaddr*>(&in), sizeof in);
}

Address Address::from_sockaddr(const ::sockaddr* data, socklen_t size) {
  Address made;
  if (data == nullptr || size < sizeof data->sa_family) return made;
  if (data->sa_family == AF_INET && size >= sizeof made.ip_.v4) {
    std::memcpy(&made.ip_.v4, data, sizeof made.ip_.v4);
  } else if (data->sa_family == AF_INET6 && size >= sizeof made.ip_.v6) {
    std::memcpy(&made.ip_.v6, data, sizeof made.ip_.v6);
  } else if (data->sa_family == AF_UNIX) {
    made.unix_ = std::make_unique<Unix>();
    ::sockaddr_un& un = made.unix_->address;
    const std::size_t given = std::min<std::size_t>(size, sizeof un);
    std::memcpy(&un, data, given);
    std::size_t path = given - kPathOffset;
    // Of a path, what follows its NUL is padding; of an abstract name every byte counts.
    if (path > 0 && un.sun_path[0] != '\0')
      path = std::min(::strnlen(un.sun_path, path) + 1, sizeof un.sun_path);
    made.unix_->size = static_cast<socklen_t>(kPathOffset + path);
  }
  return made;
}

Address Address::any_v4(std::uint16_t port) {
  return v4(INADDR_ANY, port);
}

Address Address::loopback_v4(std::uint16_t port) {
  return v4(INADDR_LOOPBACK, port);
}

Result<Address> Address::local_of(int fd) {
  ::sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* data = reinterpret_cast<::sockaddr*>(&storage);
  if (::getsockname(fd, data, &size) != 0) return fail("getsockname");
  return from_sockaddr(data, size);
}

Result<Address> Address::peer_of(int fd) {
  ::sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* data = reinterpret_cast<::sockaddr*>(&storage);
  if (::getpeername(fd, data, &size) != 0) return fail("getpeername");
  return from_sockaddr(data, size);
}

::sockaddr* Address::to_fill() {
  unix_.reset();
  return reinterpret_cast<::sockaddr*>(&ip_);
}

const ::sockaddr* Address::data() const {
  if (unix_) return reinterpret_cast<const ::sockaddr*>(&unix_->address);
  return reinterpret_cast<const ::sockaddr*>(&ip_);
}

socklen_t Address::size() const {
  switch (family()) {
    case AF_INET:
      return sizeof ip_.v4;
    case AF_INET6:
      return sizeof ip_.v6;
    case AF_UNIX:
      return unix_->size;
    default:
      return 0;
  }
}

std::uint16_t Address::port() const {
  switch (family()) {
    case AF_INET:
      return ntohs(ip_.v4.sin_port);
    case AF_INET6:
      return ntohs(ip_.v6.sin6_port);
    default:
      return 0;
  }
}

void Address::set_port(std::uint16_t port) {
  if (family() == AF_INET) ip_.v4.sin_port = htons(port);
  if (family() == AF_INET6) ip_.v6.sin6_port = htons(port);
}

bool Address::v4_mapped() const {
  return family() == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&ip_.v6.sin6_addr);
}

std::uint32_t Address::v4_bits() const {
  if (family() == AF_INET) return ntohl(ip_.v4.sin_addr.s_addr);
  std::uint32_t bits = 0;
  std::memcpy(&bits, ip_.v6.sin6_addr.s6_addr + 12, sizeof bits);
  return ntohl(bits);
}

std::string Address::host() const {
  if (unix_) {
    std::string path(unix_->address.sun_path, unix_->size - kPathOffset);
    if (!path.empty() && path.front() == '\0') {
      path.front() = '@';
    } else if (path.ends_with('\0')) {
      path.pop_back();
    }
    return path;
  }
  if (family() == AF_UNSPEC) return {};
  char text[INET6_ADDRSTRLEN] = "";
  if (has_v4_bits()) {
    const ::in_addr bits{htonl(v4_bits())};
    return ::inet_ntop(AF_INET, &bits, text, sizeof text);
  }
  std::string host = ::inet_ntop(AF_INET6, &ip_.v6.sin6_addr, text, sizeof text);
  if (const auto zone = ip_.v6.sin6_scope_id; zone != 0) {
    char name[IF_NAMESIZE] = "";
    // The interface may have gone since; its number is still true.
    host += '%';
    host += ::if_indextoname(zone, name) != nullptr ? std::string(name) : std::to_string(zone);
  }
  return host;
}

std::string Address::to_string() const {
  if (unix_) return std::string(kUnixPrefix) + host();
  if (family() == AF_UNSPEC) return {};
  const std::string port_text = ":" + std::to_string(port());
  return has_v4_bits() ? host() + port_text : "[" + host() + "]" + port_text;
}

bool Address::is_loopback() const {
  if (has_v4_bits()) return v4_bits() >> 24 == 127;
  return family() == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ip_.v6.sin6_addr);
}

bool Address::is_multicast() const {
  if (has_v4_bits()) return v4_bits() >> 28 == 0xe;
  return family() == AF_INET6 && IN6_IS_ADDR_MULTICAST(&ip_.v6.sin6_addr);
}

bool Address::is_any() const {
  if (has_v4_bits()) return v4_bits() == 0;
  return family() == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&ip_.v6.sin6_addr);
}

bool Address::is_private() const {
  if (has_v4_bits()) {
    const auto in = [bits = v4_bits()](std::uint32_t network, int length) {
      return (bits ^ network) >> (32 - length) == 0;
    };
    return is_loopback() || in(0x0a000000, 8) || in(0xac100000, 12) || in(0xc0a80000, 16) ||
           in(0xa9fe0000, 16) || in(0x64400000, 10);
  }
  if (family() != AF_INET6) return family() == AF_UNIX;
  const ::in6_addr& ip = ip_.v6.sin6_addr;
  return is_loopback() || IN6_IS_ADDR_LINKLOCAL(&ip) || (ip.s6_addr[0] & 0xfe) == 0xfc;
}

Address Address::unmapped() const {
  if (!v4_mapped()) return *this;
  Address plain = any_v4(port());
  plain.ip_.v4.sin_addr.s_addr = htonl(v4_bits());
  return plain;
}

bool Address::same_host(const Address& other) const {
  Address ours = unmapped(), theirs = other.unmapped();
  ours.set_port(0);
  theirs.set_port(0);
  return ours == theirs;
}

std::strong_ordering Address::operator<=>(const Address& other) const {
  if (const auto by = family() <=> other.family(); by != 0) return by;
  switch (family()) {
    case AF_INET:
      if (const auto by = v4_bits() <=> other.v4_bits(); by != 0) return by;
      return port() <=> other.port();
    case AF_INET6:
      if (const int by = std::memcmp(&ip_.v6.sin6_addr, &other.ip_.v6.sin6_addr, 16); by != 0)
        return by <=> 0;
      if (const auto by = port() <=> other.port(); by != 0) return by;
      return ip_.v6.sin6_scope_id <=> other.ip_.v6.sin6_scope_id;
    case AF_UNIX:
      return host() <=> other.host();
    default:
      return std::strong_ordering::equal;
  }
}

Result<std::vector<Address>> resolve(std::string_view host_port) {
  if (const auto numeric = Address::parse(host_port)) return std::vector{*numeric};
  const bool named = !host_port.starts_with(kUnixPrefix) && !host_port.starts_with('[');
  const auto parts = named ? split(host_port) : Result<HostPort>();
  if (!named || !parts) return std::unexpected(Address::parse(host_port).error());
  if (parts->host.find('\0') != host_port.npos) return fail("the host holds a NUL", EINVAL);

  ::addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;  // else each address comes once for every kind of socket
  ::addrinfo* list = nullptr;
  const int code = ::getaddrinfo(std::string(parts->host).c_str(), nullptr, &hints, &list);
  if (code != 0) return lookup_error(code);
  std::vector<Address> found;
  for (const ::addrinfo* each = list; each != nullptr; each = each->ai_next) {
    found.push_back(Address::from_sockaddr(each->ai_addr, each->ai_addrlen));
    found.back().set_port(parts->port);
  }
  ::freeaddrinfo(list);
  return found;
}

std::string bind_hint(const Address& address) {
  const unsigned port = address.port();
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen("/proc/sys/net/ipv4/ip_local_port_range", "re"), &std::fclose);
  unsigned first = 0, last = 0;
  if (!file || std::fscanf(file.get(), "%u %u", &first, &last) != 2) return {};
  if (port < first || port > last) return {};
  const std::string number = std::to_string(port);
  return "port " + number + " lies in the range from which the kernel gives clients theirs (" +
         std::to_string(first) + " to " + std::to_string(last) +
         "), so any outgoing connection may hold it; `sysctl -w net.ipv4.ip_local_reserved_ports=" +
         number + "` reserves it for servers";
}

}  // namespace sluice
