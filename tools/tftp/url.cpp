#include "tools/tftp/url.h"

#include <algorithm>

#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/url_parts.h"

namespace sluice::tools {
namespace {

using namespace url_parts;

constexpr std::string_view kScheme = "tftp://";
constexpr std::string_view kDefaultPort = ":69";

/// Takes `;mode=octet` off the end of a path.
Parsed<tftp::Mode> take_mode(std::string_view& path) {
  constexpr std::string_view kMode = ";mode=", kOctet = "octet", kNetascii = "netascii";
  const std::size_t at = path.rfind(';');
  const std::string_view end = at == path.npos ? std::string_view() : path.substr(at);
  if (!begins_with(end, kMode)) return tftp::Mode::octet;
  const std::string_view mode = end.substr(kMode.size());
  const auto is = [&](std::string_view name) { return std::ranges::equal(mode, name, {}, lower); };
  if (!is(kOctet) && !is(kNetascii)) {
    return wrong("the mode behind ; is neither octet (bytes) nor netascii (text)");
  }
  path = path.substr(0, at);
  return is(kNetascii) ? tftp::Mode::netascii : tftp::Mode::octet;
}

}  // namespace

bool is_tftp_url(std::string_view text) {
  return begins_with(text, kScheme);
}

std::expected<TftpUrl, std::string> parse_tftp_url(std::string_view text) {
  if (has_forbidden(text)) return forbidden("URL");
  if (!is_tftp_url(text)) {
    const std::string_view scheme = scheme_of(text);
    if (scheme.empty()) return wrong("it does not begin with tftp://");
    return wrong(concat("it begins with ", printable(scheme), "://, not with tftp://"));
  }
  text.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string_view authority = text.substr(0, slash);
  std::string_view path = text.substr(std::min(slash + 1, text.size()));
  if (authority.find('@') != authority.npos) {
    return wrong("TFTP knows no users: nothing stands before the host");
  }
  TftpUrl url;
  auto host = parse_host(authority, true, kDefaultPort);
  if (!host) return wrong(host.error());
  url.host_port = std::move(*host);
  const auto mode = take_mode(path);
  if (!mode) return wrong(mode.error());
  url.mode = *mode;
  url.pattern = path.find_first_of("*?[") != path.npos;
  auto file = decode(path, "name");
  if (!file) return wrong(file.error());
  url.file = std::move(*file);
  return url;
}

std::string shown_url(const TftpUrl& url) {
  std::string_view host = url.host_port;
  if (host.ends_with(kDefaultPort)) host.remove_suffix(kDefaultPort.size());
  std::string out = concat(kScheme, encode(host, ""));
  if (!url.file.empty()) out += '/' + encode(url.file, ";");
  if (url.mode == tftp::Mode::netascii) out += ";mode=netascii";
  return printable(out);
}

}  // namespace sluice::tools
