#include "protocols/ftp/timestamp.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "protocols/ftp/utc_time.h"

namespace sluice::ftp {
namespace {

constexpr std::int64_t kFirst = -62'135'596'800;  // 0001-01-01 00:00:00
constexpr std::int64_t kLast = 253'402'300'799;   // 9999-12-31 23:59:59

constexpr std::size_t kWithMinutes = 12;
constexpr std::size_t kWithSeconds = 14;
constexpr std::size_t kFractionDigits = 9;

/// Some digits at the front of `text`, which has them.
int take(std::string_view& text, std::size_t digits) {
  int number = 0;
  for (const char digit : text.substr(0, digits)) number = number * 10 + (digit - '0');
  text.remove_prefix(digits);
  return number;
}

bool all_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char letter) { return letter >= '0' && letter <= '9'; });
}

/// Of kWithMinutes or kWithSeconds digits.
std::optional<time_t> seconds_of(std::string_view digits) {
  using namespace std::chrono;
  const int year_number = take(digits, 4);
  const int month_number = take(digits, 2);
  const int day_number = take(digits, 2);
  const year_month_day date{year(year_number), month(static_cast<unsigned>(month_number)),
                            day(static_cast<unsigned>(day_number))};
  const int hour = take(digits, 2);
  const int minute = take(digits, 2);
  const int second = digits.empty() ? 0 : take(digits, 2);
  if (!date.ok() || year_number < 1970) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const auto time = sys_days(date) + hours(hour) + minutes(minute) + seconds(second);
  return time.time_since_epoch().count();
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
  const UtcTime utc = UtcClock().at(std::clamp<std::int64_t>(time, kFirst, kLast));
  char text[kWithSeconds];
  char* to = text;
  for (const unsigned two :
       {utc.year / 100, utc.year % 100, utc.month, utc.day, utc.hour, utc.minute, utc.second}) {
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
