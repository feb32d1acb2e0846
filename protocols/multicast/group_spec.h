#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "reactor/address.h"

namespace sluice::multicast {

/// Which group, and what of it: a value.
struct GroupSpec {
  Address group;                  ///< with its port; an IPv6 one without a zone
  std::optional<Address> source;  ///< only what that host sends (RFC 4607); the port means nothing
  std::string interface;          ///< name, number or address of one; empty: none was named

  /// `239.1.1.1:5007`, as it is named in a table or a log; the source in front when there is one.
  std::string to_string() const;
  bool operator==(const GroupSpec&) const = default;
};

/// Reads `GROUP:PORT` and, as players have it, `udp://SOURCE@GROUP:PORT%INTERFACE`: any of the
/// scheme, the source and the interface may be missing, also the source before its `@`. An IPv6
/// group stands in brackets, `[ff15::1]:5007`, and may have its interface as a zone inside. The
/// error is a sentence: `10.0.0.1 is no multicast group …` for what is not in 224.0.0.0/4 or
/// ff00::/8. Whether the interface is there is not looked at.
std::expected<GroupSpec, std::string> parse_group_spec(std::string_view text);

/// A source as an option names it: an address without a port, of the family of `group`.
std::expected<Address, std::string> parse_source(std::string_view text, const Address& group);

/// A sentence for who sends to `group` with so many hops when routers will not do what these say;
/// empty when all is well.
std::string contradiction(const Address& group, int hops);
/// The same for who receives: a group that is for use with a source, and none is named.
std::string contradiction(const GroupSpec& spec);

}  // namespace sluice::multicast
