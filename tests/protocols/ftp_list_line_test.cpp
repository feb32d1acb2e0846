#include "protocols/ftp/list_line.h"

#include <criterion/criterion.h>
#include <sys/stat.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

using namespace sluice;

namespace {

constexpr time_t kNow = 1'795'266'120;  // 2026-11-21 13:02:00
constexpr time_t kDay = 86'400;

files::FileInfo entry(mode_t mode, std::uint64_t size = 4096, time_t modified = kNow) {
  files::FileInfo info;
  info.mode = mode;
  info.size = size;
  info.modified.tv_sec = modified;
  info.owner = info.group = 1000;
  info.links = 2;
  return info;
}

std::string line(const files::FileInfo& info, std::string_view name, std::string_view target = {}) {
  std::string out;
  ftp::ListWriter(kNow).append(out, info, name, target);
  return out;
}

std::string mode_of(mode_t mode) {
  return line(entry(mode), "x").substr(0, 10);
}

std::string date_of(time_t modified) {
  return line(entry(S_IFREG, 0, modified), "x").substr(47, 12);
}

void expect(const std::string& got, std::string_view wanted) {
  cr_expect(got == wanted, "got \"%s\"", got.c_str());
}

}  // namespace

Test(ftp_list_line, has_the_columns_of_ls) {
  expect(line(entry(S_IFDIR | 0755), "name"),
         "drwxr-xr-x    2 1000     1000             4096 Nov 21 13:02 name\r\n");
}

Test(ftp_list_line, shows_where_a_link_points_if_that_is_known) {
  const files::FileInfo link = entry(S_IFLNK | 0777, 6);
  expect(line(link, "link", "target"),
         "lrwxrwxrwx    2 1000     1000                6 Nov 21 13:02 link -> target\r\n");
  expect(line(link, "link"),
         "lrwxrwxrwx    2 1000     1000                6 Nov 21 13:02 link\r\n");
}

Test(ftp_list_line, only_a_link_points_anywhere) {
  expect(line(entry(S_IFREG | 0644, 6), "file", "target"),
         "-rw-r--r--    2 1000     1000                6 Nov 21 13:02 file\r\n");
}

Test(ftp_list_line, wide_numbers_push_the_columns_and_lose_no_digit) {
  files::FileInfo info = entry(S_IFREG | 0644, std::numeric_limits<std::uint64_t>::max(), 0);
  info.owner = info.group = info.links = std::numeric_limits<std::uint32_t>::max();
  expect(line(info, "x"),
         "-rw-r--r-- 4294967295 4294967295 4294967295 18446744073709551615 Jan  1  1970 x\r\n");
}

Test(ftp_list_line, has_a_letter_for_every_type) {
  expect(mode_of(S_IFREG), "----------");
  expect(mode_of(S_IFDIR), "d---------");
  expect(mode_of(S_IFLNK), "l---------");
  expect(mode_of(S_IFCHR), "c---------");
  expect(mode_of(S_IFBLK), "b---------");
  expect(mode_of(S_IFIFO), "p---------");
  expect(mode_of(S_IFSOCK), "s---------");
}

Test(ftp_list_line, shows_each_right_in_its_place) {
  expect(mode_of(S_IFREG | 0124), "---x-w-r--");
  expect(mode_of(S_IFREG | 0241), "--w-r----x");
  expect(mode_of(S_IFREG | 0412), "-r----x-w-");
  expect(mode_of(S_IFREG | 0777), "-rwxrwxrwx");
}

Test(ftp_list_line, special_bits_are_small_letters_where_one_may_execute) {
  expect(mode_of(S_IFREG | 04755), "-rwsr-xr-x");
  expect(mode_of(S_IFREG | 02755), "-rwxr-sr-x");
  expect(mode_of(S_IFDIR | 01777), "drwxrwxrwt");
}

Test(ftp_list_line, special_bits_are_big_letters_where_one_may_not) {
  expect(mode_of(S_IFREG | 04644), "-rwSr--r--");
  expect(mode_of(S_IFREG | 02644), "-rw-r-Sr--");
  expect(mode_of(S_IFDIR | 01776), "drwxrwxrwT");
}

Test(ftp_list_line, a_date_has_the_time_for_180_days_and_the_year_before) {
  expect(date_of(kNow - 180 * kDay), "May 25 13:02");
  expect(date_of(kNow - 180 * kDay - 1), "May 25  2026");
}

Test(ftp_list_line, a_date_more_than_a_day_ahead_has_the_year) {
  expect(date_of(kNow + kDay), "Nov 22 13:02");
  expect(date_of(kNow + kDay + 1), "Nov 22  2026");
}

Test(ftp_list_line, a_day_of_one_digit_is_set_to_the_right) {
  expect(date_of(kNow - 13 * kDay), "Nov  8 13:02");
}

Test(ftp_list_line, knows_leap_days_and_the_years_before_1970) {
  expect(date_of(1'709'251'199), "Feb 29  2024");
  expect(date_of(951'782'400), "Feb 29  2000");
  expect(date_of(-1), "Dec 31  1969");
}

Test(ftp_list_line, a_date_that_four_digits_cannot_hold_is_the_nearest_they_can) {
  expect(date_of(std::numeric_limits<time_t>::max()), "Dec 31  9999");
  expect(date_of(std::numeric_limits<time_t>::min()), "Jan  1  0000");
}

Test(ftp_list_line, a_writer_that_wrote_another_day_writes_this_one_right) {
  ftp::ListWriter writer(kNow);
  std::string out;
  writer.append(out, entry(S_IFREG, 0, kNow - kDay), "a");
  writer.append(out, entry(S_IFREG, 0, kNow - kDay + 60), "b");
  writer.append(out, entry(S_IFREG, 0, kNow), "c");
  expect(out,
         "----------    2 1000     1000                0 Nov 20 13:02 a\r\n"
         "----------    2 1000     1000                0 Nov 20 13:03 b\r\n"
         "----------    2 1000     1000                0 Nov 21 13:02 c\r\n");
}

Test(ftp_list_line, a_name_may_begin_with_spaces_of_its_own) {
  expect(line(entry(S_IFREG), "  x ").substr(47), "Nov 21 13:02   x \r\n");
}

Test(ftp_list_line, no_name_and_no_target_ends_the_line) {
  expect(line(entry(S_IFLNK), "a\r\nb", "c\r\nd").substr(47), "Nov 21 13:02 a??b -> c??d\r\n");
}
