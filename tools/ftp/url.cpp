#include "tools/ftp/url.h"

#include <algorithm>

#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/url_parts.h"

namespace sluice::tools {
namespace {

using namespace url_parts;

constexpr std::string_view kScheme = "ftp://";
constexpr std::string_view kDefaultPort = ":21";

/// Takes `;type=a` off the end of a path.
std::expected<bool, std::string> take_type(std::string_view& path) {
  constexpr std::string_view kType = ";type=";
  const std::size_t at = path.rfind(';');
  const std::string_view end = at == path.npos ? std::string_view() : path.substr(at);
  if (!begins_with(end, kType)) return false;
  const std::string_view type = end.substr(kType.size());
  if (type.size() != 1 || (lower(type[0]) != 'a' && lower(type[0]) != 'i'))
    return wrong("the type behind ; is neither a (text) nor i (bytes)");
  path = path.substr(0, at);
  return lower(type[0]) == 'a';
}

/// `USER[:PASSWORD]`.
std::expected<void, std::string> take_user(std::string_view text, bool encoded, FtpUrl& url) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const auto part = [encoded](std::string_view raw, std::string_view what) -> Parsed<std::string> {
    return encoded ? decode(raw, what) : Parsed<std::string>(raw);
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

}  // namespace

std::expected<FtpUrl, std::string> parse_ftp_url(std::string_view text) {
  if (has_forbidden(text)) return forbidden("URL");
  if (!begins_with(text, kScheme)) {
    const std::string_view scheme = scheme_of(text);
    if (scheme.empty()) return wrong("it does not begin with ftp://");
    return wrong(concat("it begins with ", printable(scheme), "://, not with ftp://"));
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
  auto host = parse_host(authority, true, kDefaultPort);
  if (!host) return wrong(host.error());
  url.host_port = std::move(*host);
  auto decoded = decode(path, "path");
  if (!decoded) return wrong(decoded.error());
  url.path = std::move(*decoded);
  return url;
}

std::expected<FtpUrl, std::string> parse_ftp_site(std::string_view text) {
  if (begins_with(text, kScheme)) return parse_ftp_url(text);
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
  auto host = parse_host(text.substr(0, slash), false, kDefaultPort);
  if (!host) return wrong(host.error());
  url.host_port = std::move(*host);
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
