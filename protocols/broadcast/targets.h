#pragma once

#include <ifaddrs.h>

#include <string>
#include <string_view>
#include <vector>

#include "reactor/address.h"

namespace sluice::broadcast {

/// Where everybody on one network is reached: the interface that leads there, and the address.
struct Target {
  std::string interface;
  Address address;
};

/// The subnet's broadcast address of each IPv4 address whose interface is up and can broadcast, or
/// of one `interface` only, with `port`. The kernel would send 255.255.255.255 out of one interface
/// alone, the one that its default route names (ip(7)), and not at all without such a route.
/// Networks of one or two hosts have none (RFC 3021). Errors: getifaddrs(3); ENODEV for an
/// interface that is not there; none found is no error.
Result<std::vector<Target>> targets(std::uint16_t port, std::string_view interface = {});

/// The same out of a list of getifaddrs(3).
std::vector<Target> targets_of(const ::ifaddrs* list, std::uint16_t port,
                               std::string_view interface);

}  // namespace sluice::broadcast
