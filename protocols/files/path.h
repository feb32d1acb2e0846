#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::files {

/// Where `argument` leads from the directory `from` (absolute, normalised): absolute and normalised
/// too, as Tree takes it. Empty components and `.` vanish, `..` takes the name before it away and
/// stops at the root (RFC 3659 section 6, TVFS). Nothing is looked up. Nothing when the result is
/// over PATH_MAX, its end counted as the kernel counts it, or holds a component over NAME_MAX, or
/// when there is a NUL.
std::optional<std::string> resolve_path(std::string_view from, std::string_view argument);

}  // namespace sluice::files
