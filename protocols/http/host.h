#pragma once

#include <string_view>

namespace sluice::http {

/// Whether this may be a Host: a name or a literal address, perhaps a port (RFC 3986, section
/// 3.2.2). Empty is allowed (RFC 9110, section 7.2).
bool is_host(std::string_view host);

/// The name or address in a Host, without brackets' contents touched and without the port.
std::string_view without_port(std::string_view host);

/// Whether a Host names this machine without asking a name server: an IP address, `localhost`, or
/// a name below it (RFC 6761, section 6.3). What a page from elsewhere cannot have us called.
bool is_literal_or_localhost(std::string_view host);

}  // namespace sluice::http
