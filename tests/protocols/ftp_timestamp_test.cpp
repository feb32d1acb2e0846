#include "protocols/ftp/timestamp.h"

#include <criterion/criterion.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

using namespace sluice::ftp;
using namespace std::string_literals;

namespace {

constexpr time_t kLast = 253'402'300'799;  // 9999-12-31 23:59:59

std::string timestamp(time_t time) {
  std::string out;
  append_timestamp(out, time);
  return out;
}

std::string by_libc(time_t time) {
  struct tm parts;
  ::gmtime_r(&time, &parts);
  char text[64];
  const auto size = ::strftime(text, sizeof text, "%Y%m%d%H%M%S", &parts);
  return std::string(4 - (size - 10), '0') + std::string(text, size);  // %Y has no zeros in front
}

void expect_as_libc(time_t time) {
  const std::string text = timestamp(time);
  cr_expect(text == by_libc(time), "%lld: %s", static_cast<long long>(time), text.c_str());
  if (time < 0) return;
  const auto again = parse_timestamp(text);
  cr_expect(again.has_value() && again->tv_sec == time && again->tv_nsec == 0, "%s", text.c_str());
}

template <class Parse>
void expect_refused(Parse parse, std::string_view text) {
  cr_expect_not(parse(text).has_value(), "%.*s", static_cast<int>(text.size()), text.data());
}

}  // namespace

Test(ftp_timestamp, is_what_libc_says_on_every_day) {
  constexpr time_t kDay = 86'400;
  for (time_t time = 0; time <= kLast; time += kDay) expect_as_libc(time);
}

Test(ftp_timestamp, is_what_libc_says_at_any_second) {
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::int64_t> times(0, kLast);
  for (int i = 0; i < 100'000; ++i) expect_as_libc(times(random));
  for (const time_t time : {time_t{0}, kLast, kLast - 1}) expect_as_libc(time);
}

Test(ftp_timestamp, goes_back_to_the_year_1) {
  expect_as_libc(-1);
  std::mt19937_64 random(2);
  std::uniform_int_distribution<std::int64_t> times(-62'135'596'800, -1);
  for (int i = 0; i < 100'000; ++i) expect_as_libc(times(random));
  cr_expect(timestamp(-62'135'596'800) == "00010101000000");
}

Test(ftp_timestamp, has_fourteen_digits_whatever_the_time) {
  cr_expect(timestamp(INT64_MAX) == "99991231235959");
  cr_expect(timestamp(kLast + 1) == "99991231235959");
  cr_expect(timestamp(INT64_MIN) == "00010101000000");
}

Test(ftp_timestamp, is_appended) {
  std::string out = "213 ";
  append_timestamp(out, 1'732'194'120);
  cr_expect(out == "213 20241121130200");
}

Test(ftp_timestamp, reads_a_fraction_to_the_nanosecond) {
  const auto nanoseconds = [](std::string_view text) {
    const auto time = parse_timestamp(text);
    return time && time->tv_sec == 1'732'194'120 ? time->tv_nsec : -1;
  };
  cr_expect_eq(nanoseconds("20241121130200"), 0);
  cr_expect_eq(nanoseconds("20241121130200.5"), 500'000'000);
  cr_expect_eq(nanoseconds("20241121130200.000000001"), 1);
  cr_expect_eq(nanoseconds("20241121130200.9999999999999"), 999'999'999);
  cr_expect_eq(nanoseconds("20241121130200."), -1);
  cr_expect_eq(nanoseconds("20241121130200.x"), -1);
  cr_expect_eq(nanoseconds("20241121130200.1 "), -1);
  cr_expect_eq(nanoseconds("20241121130200.00000000000x"), -1);
  cr_expect_eq(nanoseconds("20241121130200,5"), -1);
}

Test(ftp_timestamp, knows_the_days_of_each_month) {
  for (const std::string year : {"2023", "2024", "2100", "2000"}) {
    const bool leap = year == "2024" || year == "2000";
    const int days[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int month = 1; month <= 12; ++month) {
      for (int day = 0; day <= 40; ++day) {
        const std::string text = year + (month < 10 ? "0" : "") + std::to_string(month) +
                                 (day < 10 ? "0" : "") + std::to_string(day) + "000000";
        cr_expect_eq(parse_timestamp(text).has_value(), day >= 1 && day <= days[month - 1], "%s",
                     text.c_str());
      }
    }
  }
}

Test(ftp_timestamp, takes_a_leap_second_for_the_next) {
  const auto leap = parse_timestamp("20161231235960");
  const auto next = parse_timestamp("20170101000000");
  cr_assert(leap && next);
  cr_expect_eq(leap->tv_sec, next->tv_sec);
}

Test(ftp_timestamp, refuses_what_is_out_of_range) {
  for (const std::string_view text : {"",
                                      "2024",
                                      "2024112113020",
                                      "202411211302000",
                                      "20240021130200",
                                      "20241321130200",
                                      "20241100130200",
                                      "20240230130200",
                                      "20241121240000",
                                      "20241121136000",
                                      "20241121130261",
                                      "19691231235959",
                                      "00000101000000",
                                      "+0241121130200",
                                      "-0241121130200",
                                      " 0241121130200",
                                      "20241121130200 ",
                                      " 20241121130200",
                                      "2024112113020a",
                                      "2024-11-21T13:02:00",
                                      "191051121130200"})
    expect_refused(parse_timestamp, text);
  expect_refused(parse_timestamp, "20241121130200\0"s);
}

Test(ftp_timestamp, without_seconds_is_read_where_asked_for) {
  for (const char* text : {"202411211302", "20241121130200"}) {
    const auto time = parse_timestamp_minutes(text);
    cr_expect(time.has_value() && time->tv_sec == 1'732'194'120 && time->tv_nsec == 0, "%s", text);
  }
  expect_refused(parse_timestamp, "202411211302");
  for (const std::string_view text :
       {"", "2024112113", "2024112113020", "202413211302", "202402301302", "202411212402",
        "20241121130x", "202411211302.5", "20241121130261"})
    expect_refused(parse_timestamp_minutes, text);
}
