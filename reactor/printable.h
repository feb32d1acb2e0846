#pragma once

#include <string>
#include <string_view>

namespace sluice {

/// A text from outside, made safe for a log or a terminal. Written as \xNN, byte for byte, are
/// control characters, DEL, the C1 controls (U+0080 to U+009F), the characters that turn the
/// direction of text or end a line (U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069) and
/// what is not UTF-8. For reading only: as a backslash passes unchanged, it cannot be turned back.
std::string printable(std::string_view text);

}  // namespace sluice
