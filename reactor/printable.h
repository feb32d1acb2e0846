#pragma once

#include <string>
#include <string_view>

namespace sluice {

/// A text from outside, made safe for a log or a terminal. Written as \xNN, byte for byte, are
/// the code points that is_shown() of utf8.h refuses and
/// what is not UTF-8. For reading only: as a backslash passes unchanged, it cannot be turned back.
std::string printable(std::string_view text);

}  // namespace sluice
