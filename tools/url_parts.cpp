#include "tools/url_parts.h"

#include <algorithm>
#include <cstdint>

#include "reactor/printable.h"
#include "reactor/text.h"

namespace sluice::tools::url_parts {
namespace {

constexpr std::string_view kForbidden("\r\n\0", 3);

/// The value of a hexadecimal digit; 16: it is none.
unsigned value_of(char digit) {
  return static_cast<unsigned>(
      std::min(std::string_view("0123456789abcdef").find(lower(digit)), std::size_t{16}));
}

/// Takes the port off the end of `authority`.
Parsed<std::string> take_port(std::string_view& authority, std::string_view default_port) {
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  if (colon == authority.npos || (bracket != authority.npos && colon < bracket))
    return std::string(default_port);
  const std::string_view digits = authority.substr(colon + 1);
  authority = authority.substr(0, colon);
  if (digits.empty()) return std::string(default_port);
  const auto port = parse_number<std::uint16_t>(digits);
  // What stands there is not shown: before a `/`, it may be half of a password.
  if (!port || *port == 0) return wrong("what follows the host's : is no port from 1 to 65535");
  return concat(':', *port);
}

/// `::1` between brackets, or a name or an IPv4 address.
Parsed<void> check_host(std::string_view host) {
  if (host.empty()) return wrong("there is no host");
  const bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  const std::string_view inner = bracketed ? host.substr(1, host.size() - 2) : host;
  if (!bracketed && inner.find(':') != inner.npos)
    return wrong("an IPv6 address stands in brackets, as in [::1]");
  const auto bad = [bracketed](char c) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return true;
    if (bracketed && (c == '%' || c == ':')) return false;
    return std::string_view("\"#%/:<>?@[\\]^`{|}").find(c) != std::string_view::npos;
  };
  const bool bad_zone = inner.ends_with('%') || std::ranges::count(inner, '%') > 1;
  if (bad_zone || std::ranges::any_of(inner, bad))
    return wrong(concat("\"", printable(host), "\" is no host"));
  return {};
}

}  // namespace

std::unexpected<std::string> wrong(std::string sentence) {
  return std::unexpected(std::move(sentence));
}

std::unexpected<std::string> forbidden(std::string_view what) {
  return wrong(concat("the ", what, " holds a line's end or a NUL"));
}

bool has_forbidden(std::string_view text) {
  return text.find_first_of(kForbidden) != text.npos;
}

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool begins_with(std::string_view text, std::string_view beginning) {
  return std::ranges::equal(text.substr(0, beginning.size()), beginning, {}, lower);
}

std::string_view scheme_of(std::string_view text) {
  const std::size_t end = std::min(text.find_first_of(":/@ "), text.size());
  return text.substr(end).starts_with("://") ? text.substr(0, end) : std::string_view();
}

Parsed<std::string> decode(std::string_view text, std::string_view what) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const bool room = text.size() - i > 2;
    const unsigned high = room ? value_of(text[i + 1]) : 16,
                   low = room ? value_of(text[i + 2]) : 16;
    if (high > 15 || low > 15)
      return wrong(
          concat("a % in the ", what, " lacks its two hexadecimal digits (% itself is %25)"));
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  if (has_forbidden(out)) return forbidden(what);
  return out;
}

std::string encode(std::string_view text, std::string_view also) {
  constexpr std::string_view kNever = " \"%<>\\^`{|}\x7f";
  std::string out;
  for (const char c : text) {
    const bool plain = static_cast<unsigned char>(c) >= ' ' && kNever.find(c) == kNever.npos &&
                       also.find(c) == also.npos;
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += "0123456789ABCDEF"[byte >> 4];
    out += "0123456789ABCDEF"[byte & 15];
  }
  return out;
}

Parsed<std::string> parse_host(std::string_view text, bool encoded, std::string_view default_port) {
  const auto port = take_port(text, default_port);
  if (!port) return wrong(port.error());
  std::string host(text);
  if (encoded && text.starts_with('[')) {
    // Before a zone, % is written %25 (RFC 6874), but often is not.
    const std::size_t zone = std::min(host.find('%'), host.size());
    if (host.compare(zone, 3, "%25") == 0 && zone + 4 < host.size()) host.erase(zone + 1, 2);
  } else if (encoded) {
    auto decoded = decode(text, "host");
    if (!decoded) return decoded;
    host = *decoded;
  }
  if (auto good = check_host(host); !good) return wrong(good.error());
  // resolve() would take `unix:21` for a socket's path.
  if (host == "unix") host = "UNIX";
  return concat(host, *port);
}

}  // namespace sluice::tools::url_parts
