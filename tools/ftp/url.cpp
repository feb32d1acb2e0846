#include "tools/ftp/url.h"

#include <algorithm>

#include "reactor/printable.h"
#include "reactor/text.h"

namespace sluice::tools {
namespace {

using Decoded = std::expected<std::string, std::string>;

constexpr std::string_view kScheme = "ftp://";
constexpr std::string_view kDefaultPort = ":21";
constexpr std::string_view kForbidden("\r\n\0", 3);

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

bool begins_with_scheme(std::string_view text) {
  return std::ranges::equal(text.substr(0, kScheme.size()), kScheme, {}, lower);
}

/// The value of a hexadecimal digit; 16: it is none.
unsigned value_of(char digit) {
  return static_cast<unsigned>(
      std::min(std::string_view("0123456789abcdef").find(lower(digit)), std::size_t{16}));
}

/// Percent-decoded. `what` names the part in the sentence about what is wrong.
Decoded decode(std::string_view text, std::string_view what) {
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

/// Takes the port off the end of `authority`.
std::expected<std::string, std::string> take_port(std::string_view& authority) {
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  if (colon == authority.npos || (bracket != authority.npos && colon < bracket))
    return std::string(kDefaultPort);
  const std::string_view digits = authority.substr(colon + 1);
  authority = authority.substr(0, colon);
  if (digits.empty()) return std::string(kDefaultPort);
  const auto port = parse_number<std::uint16_t>(digits);
  // What stands there is not shown: before a `/`, it may be half of a password.
  if (!port || *port == 0) return wrong("what follows the host's : is no port from 1 to 65535");
  return concat(':', *port);
}

/// `::1` between brackets, or a name or an IPv4 address.
std::expected<void, std::string> check_host(std::string_view host) {
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

/// Fills in `host_port` from `HOST[:PORT]`.
std::expected<void, std::string> take_host(std::string_view text, bool encoded, FtpUrl& url) {
  const auto port = take_port(text);
  if (!port) return wrong(port.error());
  std::string host(text);
  if (encoded && text.starts_with('[')) {
    // Before a zone, % is written %25 (RFC 6874), but often is not.
    const std::size_t zone = std::min(host.find('%'), host.size());
    if (host.compare(zone, 3, "%25") == 0 && zone + 4 < host.size()) host.erase(zone + 1, 2);
  } else if (encoded) {
    auto decoded = decode(text, "host");
    if (!decoded) return wrong(decoded.error());
    host = *decoded;
  }
  if (auto good = check_host(host); !good) return good;
  // resolve() would take `unix:21` for a socket's path.
  if (host == "unix") host = "UNIX";
  url.host_port = concat(host, *port);
  return {};
}

/// Takes `;type=a` off the end of a path.
std::expected<bool, std::string> take_type(std::string_view& path) {
  constexpr std::string_view kType = ";type=";
  const std::size_t at = path.rfind(';');
  const std::string_view end = at == path.npos ? std::string_view() : path.substr(at);
  if (!std::ranges::equal(end.substr(0, kType.size()), kType, {}, lower)) return false;
  const std::string_view type = end.substr(kType.size());
  if (type.size() != 1 || (lower(type[0]) != 'a' && lower(type[0]) != 'i'))
    return wrong("the type behind ; is neither a (text) nor i (bytes)");
  path = path.substr(0, at);
  return lower(type[0]) == 'a';
}

/// `USER[:PASSWORD]`.
std::expected<void, std::string> take_user(std::string_view text, bool encoded, FtpUrl& url) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const auto part = [encoded](std::string_view raw, std::string_view what) -> Decoded {
    return encoded ? decode(raw, what) : Decoded(raw);
  };
  const auto user = part(text.substr(0, colon), "user");
  if (!user) return wrong(user.error());
  url.user = *user;
  if (colon == text.size()) return {};
  const auto password = part(text.substr(colon + 1), "password");
  if (!password) return wrong(password.error());
  url.password = *password;
  return {};
}

/// As it may stand in a URL: `also` says which characters mean something there.
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

}  // namespace

std::expected<FtpUrl, std::string> parse_ftp_url(std::string_view text) {
  if (has_forbidden(text)) return forbidden("URL");
  if (!begins_with_scheme(text)) {
    const std::size_t end = std::min(text.find_first_of(":/@ "), text.size());
    if (!text.substr(end).starts_with("://")) return wrong("it does not begin with ftp://");
    return wrong(concat(printable(text.substr(0, end)), "://: only ftp:// is spoken here"));
  }
  text.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string_view authority = text.substr(0, slash);
  std::string_view path = text.substr(std::min(slash + 1, text.size()));
  FtpUrl url;
  if (const std::size_t at = authority.rfind('@'); at != authority.npos) {
    if (auto good = take_user(authority.substr(0, at), true, url); !good)
      return wrong(good.error());
    authority.remove_prefix(at + 1);
  }
  // The type may follow the host, too.
  const auto ascii = take_type(slash == text.size() ? authority : path);
  if (!ascii) return wrong(ascii.error());
  url.ascii = *ascii;
  if (auto good = take_host(authority, true, url); !good) return wrong(good.error());
  auto decoded = decode(path, "path");
  if (!decoded) return wrong(decoded.error());
  url.path = std::move(*decoded);
  return url;
}

std::expected<FtpUrl, std::string> parse_ftp_site(std::string_view text) {
  if (begins_with_scheme(text)) return parse_ftp_url(text);
  if (has_forbidden(text)) return forbidden("name");
  const std::size_t mark = text.find_first_of(":@/");
  if (mark != text.npos && text.substr(mark).starts_with("://")) return parse_ftp_url(text);

  FtpUrl url;
  const bool has_user = mark != text.npos && text[mark] != '/' && text.rfind('@') != text.npos;
  if (has_user) {
    const std::size_t at = text.rfind('@');
    if (auto good = take_user(text.substr(0, at), false, url); !good) return wrong(good.error());
    text.remove_prefix(at + 1);
  }
  const std::size_t slash = std::min(text.find('/'), text.size());
  if (auto good = take_host(text.substr(0, slash), false, url); !good) return wrong(good.error());
  url.path = text.substr(std::min(slash + 1, text.size()));
  return url;
}

std::string shown_url(const FtpUrl& url) {
  std::string_view host = url.host_port;
  if (host.ends_with(kDefaultPort)) host.remove_suffix(kDefaultPort.size());
  std::string out(kScheme);
  if (!url.user.empty()) out += encode(url.user, ":@/;") + '@';
  out += encode(host, "");
  if (!url.path.empty()) out += '/' + encode(url.path, ";");
  if (url.ascii) out += ";type=a";
  return printable(out);
}

}  // namespace sluice::tools
