#pragma once

#include <expected>
#include <string>
#include <string_view>

/// What the URLs of several protocols have in common. Errors are sentences, fit for a terminal;
/// what stands where a password may be is never part of one.
namespace sluice::tools::url_parts {

template <class T>
using Parsed = std::expected<T, std::string>;

std::unexpected<std::string> wrong(std::string sentence);
/// That `what`, a part of the URL, holds what has_forbidden() finds.
std::unexpected<std::string> forbidden(std::string_view what);

/// CR, LF or NUL: what could end a command or a name on its way.
bool has_forbidden(std::string_view text);

/// Of ASCII letters.
char lower(char letter);
/// Whether `text` begins with `beginning`, which has no capital letters, whatever case it is in.
bool begins_with(std::string_view text, std::string_view beginning);
/// What stands before `://`; nothing when that is not there.
std::string_view scheme_of(std::string_view text);

/// Percent-decoded. `what` names the part in the sentence about what is wrong: a % without two
/// hexadecimal digits, or what is forbidden.
Parsed<std::string> decode(std::string_view text, std::string_view what);
/// The other way; `also` says which characters mean something at that place.
std::string encode(std::string_view text, std::string_view also);

/// `HOST[:PORT]` as resolve() takes it, with `default_port` (":21") where none is given. IPv6
/// stands in brackets. `encoded`: percent-decoded first, but for the zone of an IPv6 address.
Parsed<std::string> parse_host(std::string_view text, bool encoded, std::string_view default_port);

}  // namespace sluice::tools::url_parts
