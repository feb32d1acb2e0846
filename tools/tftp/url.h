#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "protocols/tftp/packet.h"

namespace sluice::tools {

/// `tftp://HOST[:PORT]/FILE[;mode=octet|netascii]` (RFC 3617), percent-decoded.
struct TftpUrl {
  std::string host_port;  ///< as resolve() takes it; port 69 when none is given
  /// As it is asked for: `/dir/file` of the URL is `dir/file`, `//dir/file` is `/dir/file`. Empty,
  /// or with a `/` at its end: a directory.
  std::string file;
  tftp::Mode mode = tftp::Mode::octet;
  bool pattern = false;  ///< has a `*`, `?` or `[` that is not percent-encoded
};

bool is_tftp_url(std::string_view text);

/// The error is a sentence that names what is wrong, fit for a terminal. Refused: another scheme, a
/// user, no host, a port that is none, a bad `%`, another mode, a NUL, CR or LF wherever it stands.
std::expected<TftpUrl, std::string> parse_tftp_url(std::string_view text);

/// Without port 69, fit for a terminal; what is plain ASCII or UTF-8 is read again as the same, but
/// for `pattern`.
std::string shown_url(const TftpUrl& url);

}  // namespace sluice::tools
