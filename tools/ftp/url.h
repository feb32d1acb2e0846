#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::tools {

/// `ftp://[USER[:PASSWORD]@]HOST[:PORT][/PATH][;type=a|i]` (RFC 1738 section 3.2), percent-decoded.
/// `?` and `#` are characters of the path as any other.
struct FtpUrl {
  std::string user;                     ///< empty: anonymous
  std::optional<std::string> password;  ///< none: to be asked for, or anonymous
  std::string host_port;                ///< as resolve() takes it; port 21 when none is given
  /// As the commands take it. `/dir/file` of the URL is `dir/file`, relative to where the log-in
  /// leads; `%2Fdir/file` (or `//dir/file`) is `/dir/file`. May end with `/`: a directory.
  std::string path;
  bool ascii = false;
};

/// The error is a sentence that names what is wrong, fit for a terminal and without the password.
/// Refused: a scheme other than ftp, no host, a port that is none, a bad `%`, a NUL, CR or LF
/// wherever it stands, also as `%00`, `%0D`, `%0A`.
std::expected<FtpUrl, std::string> parse_ftp_url(std::string_view text);

/// `[USER[:PASSWORD]@]HOST[:PORT]`, also with ftp:// before and a path behind: what `sluice ftp`
/// takes. The last `@` parts user and host, the first `:` user and password (unless a `/` stands
/// before both: a path may have an `@`); not decoded unless ftp:// stands before.
std::expected<FtpUrl, std::string> parse_ftp_site(std::string_view text);

/// Without the password and port 21, fit for a terminal; what is plain ASCII or UTF-8 is read again
/// as the same.
std::string shown_url(const FtpUrl& url);

}  // namespace sluice::tools
