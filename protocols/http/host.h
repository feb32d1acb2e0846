#pragma once

#include <string_view>

namespace sluice::http {

/// Whether this may be a Host: a name or a literal address, perhaps a port (RFC 3986, section
/// 3.2.2). Empty is allowed (RFC 9110, section 7.2).
bool is_host(std::string_view host);

/// The name or address in a Host, without brackets' contents touched and without the port.
std::string_view without_port(std::string_view host);

/// Whether a Host may be ours for all that a page from elsewhere can do about it: an IP address, a
/// name without a dot, as hosts have in their own network, or one below `localhost` (RFC 6761,
/// section 6.3). The name of a page that had itself resolved to us has a dot.
bool is_local_name(std::string_view host);

}  // namespace sluice::http
