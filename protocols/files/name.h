#pragma once

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

}  // namespace sluice::files
