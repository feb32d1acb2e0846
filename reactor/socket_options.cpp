#include "reactor/socket_options.h"

#include <sys/time.h>

#include <algorithm>
#include <limits>

namespace sluice {
namespace {

template <class T>
Result<void> set_raw(int fd, int level, int name, const char* operation, const T& value) {
  if (::setsockopt(fd, level, name, &value, sizeof value) != 0) return fail(operation);
  return {};
}

template <class T, class O>
Result<T> get_raw(int fd, const O& option) {
  T value{};
  socklen_t size = sizeof value;
  if (::getsockopt(fd, option.level, option.name, &value, &size) != 0)
    return fail(option.operation);
  return value;
}

}  // namespace

Result<void> set_option(int fd, const Option<bool>& option, bool on) {
  return set_raw<int>(fd, option.level, option.name, option.operation, on ? 1 : 0);
}

Result<void> set_option(int fd, const Option<int>& option, int value) {
  return set_raw(fd, option.level, option.name, option.operation, value);
}

Result<void> set_option(int fd, const Option<Duration>& option, Duration time) {
  if (time < Duration::zero()) return fail(option.operation, EINVAL);
  // Upwards, as a nanosecond must not become the zero that means for ever.
  const auto rounded = std::chrono::ceil<std::chrono::microseconds>(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(rounded);
  ::timeval value{};
  value.tv_sec = static_cast<decltype(value.tv_sec)>(seconds.count());
  value.tv_usec = static_cast<decltype(value.tv_usec)>((rounded - seconds).count());
  return set_raw(fd, option.level, option.name, option.operation, value);
}

Result<void> set_option(int fd, const Option<Linger>& option, Linger linger) {
  ::linger value{};
  if (linger) {
    using Seconds = std::chrono::seconds;
    constexpr Seconds kMost{std::numeric_limits<int>::max()};
    value.l_onoff = 1;
    value.l_linger = static_cast<int>(std::clamp(*linger, Seconds::zero(), kMost).count());
  }
  return set_raw(fd, option.level, option.name, option.operation, value);
}

Result<void> set_option(int fd, const DontLinger&, bool on) {
  if (on) return set_option(fd, option::linger, std::nullopt);
  // The opposite of linger off needs a time: what is set already, else none.
  const auto now = get_option(fd, option::linger);
  if (!now) return std::unexpected(now.error());
  return *now ? Result<void>() : set_option(fd, option::linger, std::chrono::seconds(0));
}

Result<void> set_option(int fd, const MembershipOption& option, const Membership& membership) {
  const Address& group = membership.group;
  if (group.family() == AF_INET6) {
    ::ipv6_mreq request{};
    request.ipv6mr_multiaddr = reinterpret_cast<const ::sockaddr_in6*>(group.data())->sin6_addr;
    request.ipv6mr_interface = membership.interface_index;
    return set_raw(fd, IPPROTO_IPV6, option.v6_name, option.operation, request);
  }
  if (group.family() != AF_INET) return fail(option.operation, EAFNOSUPPORT);
  ::ip_mreqn request{};
  request.imr_multiaddr = reinterpret_cast<const ::sockaddr_in*>(group.data())->sin_addr;
  request.imr_ifindex = static_cast<int>(membership.interface_index);
  const Address& interface = membership.interface_address;
  if (interface.family() == AF_INET)
    request.imr_address = reinterpret_cast<const ::sockaddr_in*>(interface.data())->sin_addr;
  return set_raw(fd, IPPROTO_IP, option.v4_name, option.operation, request);
}

Result<bool> get_option(int fd, const Option<bool>& option) {
  const auto value = get_raw<int>(fd, option);
  if (!value) return std::unexpected(value.error());
  return *value != 0;
}

Result<int> get_option(int fd, const Option<int>& option) {
  return get_raw<int>(fd, option);
}

Result<Duration> get_option(int fd, const Option<Duration>& option) {
  const auto value = get_raw<::timeval>(fd, option);
  if (!value) return std::unexpected(value.error());
  return std::chrono::seconds(value->tv_sec) + std::chrono::microseconds(value->tv_usec);
}

Result<Linger> get_option(int fd, const Option<Linger>& option) {
  const auto value = get_raw<::linger>(fd, option);
  if (!value) return std::unexpected(value.error());
  return value->l_onoff != 0 ? Linger(std::chrono::seconds(value->l_linger)) : Linger();
}

Result<bool> get_option(int fd, const DontLinger&) {
  const auto linger = get_option(fd, option::linger);
  if (!linger) return std::unexpected(linger.error());
  return !linger->has_value();
}

}  // namespace sluice
