#pragma once

#include <string_view>

namespace sluice::ftp {

/// Whether the whole of `name` fits `pattern` (glob(7)): `*`, `?`, `[a-z]`, `[!a-z]`; a `[` that no
/// `]` ends is itself. Bytes, not characters. Takes at most the product of both lengths, whatever
/// the pattern: fnmatch(3) gives no such promise, and a pattern comes from a stranger.
bool matches(std::string_view pattern, std::string_view name);

}  // namespace sluice::ftp
