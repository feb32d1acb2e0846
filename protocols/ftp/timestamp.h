#pragma once

#include <time.h>

#include <optional>
#include <string>
#include <string_view>

namespace sluice::ftp {

/// "YYYYMMDDHHMMSS" in UTC (RFC 3659 section 2.3), without a fraction. Right from the year 1 to
/// 9999; a time before or after is written as the first or the last second of those.
void append_timestamp(std::string& out, time_t time);

/// The same, with an optional ".fraction" (of any length, cut to nanoseconds). Every field has to
/// be in its range (a leap second, 60, is taken, as the second that follows it), the day to exist
/// in its month. Years 1970 to 9999.
std::optional<timespec> parse_timestamp(std::string_view text);

/// Also "YYYYMMDDHHMM", as SITE UTIME has it.
std::optional<timespec> parse_timestamp_minutes(std::string_view text);

}  // namespace sluice::ftp
