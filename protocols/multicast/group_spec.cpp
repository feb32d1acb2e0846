#include "protocols/multicast/group_spec.h"

#include "reactor/multicast.h"
#include "reactor/printable.h"
#include "reactor/text.h"

namespace sluice::multicast {
namespace {

constexpr std::string_view kScheme = "udp://";

/// Cuts `[group%zone]:port` into the same without zone, and the zone.
std::string without_zone(std::string_view group, std::string_view& zone) {
  const std::size_t end = group.find(']');
  const std::size_t percent = group.find('%');
  if (!group.starts_with('[') || end == group.npos || percent > end) return std::string(group);
  zone = group.substr(percent + 1, end - percent - 1);
  return concat(group.substr(0, percent), group.substr(end));
}

}  // namespace

std::string GroupSpec::to_string() const {
  return source ? concat(source->host(), '@', group) : group.to_string();
}

std::expected<GroupSpec, std::string> parse_group_spec(std::string_view text) {
  const std::string shown = printable(text);
  const auto wrong = [&](const auto&... why) {
    return std::unexpected(concat(shown, ": ", why...));
  };
  GroupSpec spec;
  if (text.starts_with(kScheme)) text.remove_prefix(kScheme.size());
  std::string_view source;
  if (const std::size_t at = text.find('@'); at != text.npos) {
    source = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  // Behind the port: inside the brackets it is a zone.
  const std::size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  std::string_view interface;
  if (const std::size_t percent = text.find('%', bracket); percent != text.npos) {
    interface = text.substr(percent + 1);
    if (interface.empty()) return wrong("no interface behind the %");
    text = text.substr(0, percent);
  }
  std::string_view zone;
  const std::string group = without_zone(text, zone);
  const auto address = Address::parse(group);
  if (!address) return wrong(address.error().operation);
  if (!address->is_multicast() || address->family() == AF_UNIX) {
    const std::string who = address->family() == AF_UNIX ? shown : address->host();
    return std::unexpected(
        concat(who, " is no multicast group (224.0.0.0 to 239.255.255.255, or ff00::/8)"));
  }
  if (!zone.empty() && !interface.empty() && zone != interface) return wrong("two interfaces");
  spec.group = address->unmapped();
  spec.interface = interface.empty() ? zone : interface;
  if (!source.empty()) {
    auto parsed = parse_source(source, spec.group);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    spec.source = std::move(*parsed);
  }
  return spec;
}

std::expected<Address, std::string> parse_source(std::string_view text, const Address& group) {
  const std::string shown = printable(text);
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  const bool v6 = text.find(':') != text.npos;
  const auto address = Address::parse(v6 ? concat('[', text, "]:0") : concat(text, ":0"));
  if (!address || text.empty() || address->family() == AF_UNIX) {
    return std::unexpected(concat(shown, " is no address that a source could have"));
  }
  if (address->is_multicast() || address->is_any()) {
    return std::unexpected(concat(shown, " is no source: it is no single host"));
  }
  if (address->family() != group.family()) {
    return std::unexpected(concat(shown, " and ", group.host(), ": one is IPv4, one IPv6"));
  }
  return *address;
}

std::string contradiction(const Address& group, int hops) {
  if (hops > 1 && is_link_local_group(group)) {
    return concat(group.host(), " is link-local: no router passes it on, with a TTL of ", hops,
                  " or any other");
  }
  return {};
}

std::string contradiction(const GroupSpec& spec) {
  if (!spec.source && is_source_specific_group(spec.group)) {
    return concat(
        spec.group.host(),
        " is for use with a source (RFC 4607): routers pass nothing on until one is named");
  }
  return {};
}

}  // namespace sluice::multicast
