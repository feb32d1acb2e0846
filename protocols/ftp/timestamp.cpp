#include "protocols/ftp/timestamp.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace sluice::ftp {
namespace {

// Days are counted from 1 March of the year 0, and years from March to February, so that a leap
// day is the last of its year, and of its century and its four centuries too. Nothing is negative.
constexpr std::int64_t kEpoch = 719'468;  // 1 January 1970
constexpr std::int64_t kSecondsPerDay = 86'400;
constexpr std::int64_t kDaysIn4Years = 1'461;
constexpr std::int64_t kDaysIn400Years = 146'097;
// From March on, five months have 153 days, again and again.
constexpr std::int64_t kDaysIn5Months = 153;

constexpr std::int64_t kFirst = -62'135'596'800;  // 0001-01-01 00:00:00
constexpr std::int64_t kLast = 253'402'300'799;   // 9999-12-31 23:59:59

constexpr std::size_t kWithMinutes = 12;
constexpr std::size_t kWithSeconds = 14;
constexpr std::size_t kFractionDigits = 9;

struct Date {
  std::int64_t year, month, day;
};

Date date_of(std::int64_t days) {
  const std::int64_t century = (4 * days + 3) / kDaysIn400Years;
  const std::int64_t in_century = days - century * kDaysIn400Years / 4;
  const std::int64_t year = (4 * in_century + 3) / kDaysIn4Years;
  const std::int64_t in_year = in_century - year * kDaysIn4Years / 4;
  const std::int64_t month = (5 * in_year + 2) / kDaysIn5Months;  // 0: March
  const std::int64_t day = in_year - (kDaysIn5Months * month + 2) / 5 + 1;
  const bool next_year = month >= 10;
  return {100 * century + year + next_year, next_year ? month - 9 : month + 3, day};
}

std::int64_t days_of(const Date& date) {
  const bool last_year = date.month < 3;
  const std::int64_t year = date.year - last_year;
  const std::int64_t month = last_year ? date.month + 9 : date.month - 3;
  return year / 100 * kDaysIn400Years / 4 + year % 100 * kDaysIn4Years / 4 +
         (kDaysIn5Months * month + 2) / 5 + date.day - 1;
}

/// Some digits at the front of `text`, which has them.
std::int64_t take(std::string_view& text, std::size_t digits) {
  std::int64_t number = 0;
  for (const char digit : text.substr(0, digits)) number = number * 10 + (digit - '0');
  text.remove_prefix(digits);
  return number;
}

bool all_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char letter) { return letter >= '0' && letter <= '9'; });
}

/// Of kWithMinutes or kWithSeconds digits.
std::optional<time_t> seconds_of(std::string_view digits) {
  const std::int64_t year = take(digits, 4);
  const std::int64_t month = take(digits, 2);
  const std::int64_t day = take(digits, 2);
  const std::int64_t hour = take(digits, 2);
  const std::int64_t minute = take(digits, 2);
  const std::int64_t second = digits.empty() ? 0 : take(digits, 2);
  if (year < 1970 || month < 1 || month > 12 || day < 1) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const std::int64_t days = days_of({year, month, day});
  // A day that its month lacks would be one of the next.
  if (date_of(days).day != day) return std::nullopt;
  return (days - kEpoch) * kSecondsPerDay + hour * 3600 + minute * 60 + second;
}

/// Digits after the point, to nanoseconds.
long nanoseconds_of(std::string_view digits) {
  long nanoseconds = 0;
  for (std::size_t i = 0; i < kFractionDigits; ++i)
    nanoseconds = nanoseconds * 10 + (i < digits.size() ? digits[i] - '0' : 0);
  return nanoseconds;
}

}  // namespace

void append_timestamp(std::string& out, time_t time) {
  const std::int64_t seconds =
      std::clamp<std::int64_t>(time, kFirst, kLast) + kEpoch * kSecondsPerDay;
  const Date date = date_of(seconds / kSecondsPerDay);
  const std::int64_t in_day = seconds % kSecondsPerDay;
  char text[kWithSeconds];
  char* to = text;
  for (const std::int64_t two : {date.year / 100, date.year % 100, date.month, date.day,
                                 in_day / 3600, in_day / 60 % 60, in_day % 60}) {
    *to++ = static_cast<char>('0' + two / 10);
    *to++ = static_cast<char>('0' + two % 10);
  }
  out.append(text, sizeof text);
}

std::optional<timespec> parse_timestamp(std::string_view text) {
  const std::string_view digits = text.substr(0, kWithSeconds);
  if (digits.size() != kWithSeconds || !all_digits(digits)) return std::nullopt;
  const auto seconds = seconds_of(digits);
  if (!seconds) return std::nullopt;
  text.remove_prefix(kWithSeconds);
  if (text.empty()) return timespec{*seconds, 0};
  if (text.front() != '.' || text.size() == 1) return std::nullopt;
  text.remove_prefix(1);
  if (!all_digits(text)) return std::nullopt;
  return timespec{*seconds, nanoseconds_of(text)};
}

std::optional<timespec> parse_timestamp_minutes(std::string_view text) {
  if (text.size() != kWithMinutes) return parse_timestamp(text);
  if (!all_digits(text)) return std::nullopt;
  const auto seconds = seconds_of(text);
  if (!seconds) return std::nullopt;
  return timespec{*seconds, 0};
}

}  // namespace sluice::ftp
