#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "reactor/address.h"

namespace sluice::ftp {

/// The argument of PORT, "h1,h2,h3,h4,p1,p2" (RFC 959 section 4.1.2): six numbers from 0 to 255, of
/// at most three digits. Blanks around it are passed over, nothing else is.
std::optional<Address> parse_port(std::string_view argument);
/// The same for the text of 227: "(h1,h2,h3,h4,p1,p2)". `address` is IPv4, or IPv4 mapped into
/// IPv6.
std::string format_pasv(const Address& address);

/// The argument of EPRT, "|1|132.235.1.2|6275|" (RFC 2428 section 2): the delimiter is any
/// character from 33 to 126, protocol 1 is IPv4 and 2 IPv6, and the address has to be of that kind;
/// no zone. Another protocol is said to be one whatever the address behind it looks like.
enum class EprtError { syntax, protocol };  ///< 501; 522 (1,2)
std::expected<Address, EprtError> parse_eprt(std::string_view argument);

/// The client's half, for 227 and 229. Of 227, whatever stands around the six numbers is passed
/// over (RFC 1123 section 4.1.2.6); of 229, all but the first `(|||port|)`, with any delimiter.
std::optional<Address> parse_pasv_reply(std::string_view text);
std::optional<std::uint16_t> parse_epsv_reply(std::string_view text);

}  // namespace sluice::ftp
