#pragma once

#include <string>
#include <string_view>

#include "reactor/error.h"

namespace sluice::files {

/// The longest name of a file, in bytes (NAME_MAX of every Linux file system that matters).
inline constexpr std::size_t kMaxName = 255;

/// Whether `name` can name an entry of a directory at all: not empty, not `.` or `..`, no `/`, no
/// NUL, at most kMaxName bytes (POSIX.1-2017, sections 3.170 and 4.13). Each refusal has a text of
/// its own in Error::operation, fit for a person: "the name is empty". The code is ENAMETOOLONG for
/// a long name and EINVAL for the rest.
Result<void> check_component(std::string_view name);

/// Whether a name that a peer chose may be written to disk. Beyond check_component(), refused are
/// control characters, a leading dot unless `allow_hidden`, and the names under which unfinished
/// files lie. Bytes above 0x7f pass: names are bytes, and need not be UTF-8.
Result<void> check_name(std::string_view name, bool allow_hidden);

/// Whether `name` is one under which this library keeps an unfinished file: `.sluice-`, 16 or 32
/// lower-case hex digits, `.part`.
bool is_temporary_name(std::string_view name);

/// A text from outside, made safe for a log or a terminal. Written as \xNN, byte for byte, are
/// control characters, DEL, the C1 controls (U+0080 to U+009F), the characters that turn the
/// direction of text or end a line (U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069) and
/// what is not UTF-8. For reading only: as a backslash passes unchanged, it cannot be turned back.
std::string printable(std::string_view text);

}  // namespace sluice::files
