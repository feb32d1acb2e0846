#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace sluice::ftp {

/// The fields of a time in UTC. A time before the year 0 or after 9999 counts as the nearest one
/// within, so that four digits hold every year.
struct UtcTime {
  unsigned year, month, day;  ///< month and day from 1
  unsigned hour, minute, second;
};

/// Splits times, and asks the calendar anew only when the day is not that of the time before: in a
/// listing it mostly is.
class UtcClock {
 public:
  UtcTime at(time_t time) {
    constexpr std::int64_t kFirst = -62'167'219'200, kLast = 253'402'300'799;
    constexpr std::int64_t kSecondsPerDay = 86'400;
    const std::int64_t seconds = std::clamp<std::int64_t>(time, kFirst, kLast) - kFirst;
    if (const std::int64_t day = seconds / kSecondsPerDay; day != day_) {
      day_ = day;
      turn_to(static_cast<int>(day + kFirst / kSecondsPerDay));
    }
    const auto of_day = static_cast<unsigned>(seconds % kSecondsPerDay);
    return {year_, month_, of_month_, of_day / 3600, of_day / 60 % 60, of_day % 60};
  }

 private:
  void turn_to(int days_since_1970) {
    using namespace std::chrono;
    const year_month_day date{sys_days{days{days_since_1970}}};
    year_ = static_cast<unsigned>(static_cast<int>(date.year()));
    month_ = static_cast<unsigned>(date.month());
    of_month_ = static_cast<unsigned>(date.day());
  }

  std::int64_t day_ = -1;  ///< since the year 0
  unsigned year_ = 0, month_ = 0, of_month_ = 0;
};

}  // namespace sluice::ftp
