#pragma once

#include <string>
#include <string_view>

namespace sluice::ftp {

/// A name as it may stand in a reply or a listing: control characters (below 0x20, and 0x7f) become
/// `?`, so that none can end the line; all other bytes stay as they are.
std::string safe_name(std::string_view name);
void append_safe_name(std::string& out, std::string_view name);

/// A path between double quotes, those in it doubled (RFC 959 appendix II), control characters as
/// above.
std::string quoted(std::string_view path);

/// "213 text\r\n". Control characters in `text` as above.
std::string reply(int code, std::string_view text);
/// "211-first\r\n line\r\n …211 last\r\n": each of `lines` ends with '\n', which the last may lack,
/// and gets a leading space. Other control characters as above.
std::string multi_line(int code, std::string_view first, std::string_view lines,
                       std::string_view last);

}  // namespace sluice::ftp
