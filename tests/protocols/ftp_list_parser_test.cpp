#include "protocols/ftp/list_parser.h"

#include <criterion/criterion.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "reactor/text.h"
#include "tests/protocols/shown_entry.h"

using namespace sluice::ftp;
using sluice::concat;
using namespace std::string_literals;

namespace {

constexpr time_t kNow = 1'795'266'000;  // 2026-11-21 13:00:00

void expect_list(std::string_view line, std::string_view expected, time_t now = kNow) {
  RemoteEntry entry = used_entry();
  const LineKind kind = parse_list_line(line, now, entry);
  expect_text(line, shown(kind, entry), expected);
}

}  // namespace

Test(ftp_unix_line, tells_of_files_directories_and_links) {
  expect_list("-rw-r--r--   1 user group  1234 Nov 21  2024 name",
              "file <name> size=1234 modify=20241121000000 mode=0644");
  expect_list("drwxr-x--x   2 1000     1000         4096 Nov 21 13:02 name",
              "dir <name> size=4096 modify=20261121130200 mode=0751");
  expect_list("lrwxrwxrwx 1 user group 4 2026-11-21 13:02 a -> b -> /c",
              "link <a> size=4 modify=20261121130200 mode=0777 -> b -> /c");
  expect_list("lrwxrwxrwx 1 user group 4 Nov  1 07:05 a",
              "link <a> size=4 modify=20261101070500 mode=0777");
}

Test(ftp_unix_line, needs_neither_links_nor_owner_nor_group) {
  const char* expected = "file <name> size=1234 modify=20241121000000 mode=0644";
  for (const char* columns : {"1 user Domain Users 1234", "1 user group 1234", "1 user 1234",
                              "user group 1234", "user 1234", "1234", "1 7 11 1234"})
    expect_list(concat("-rw-r--r-- ", columns, " Nov 21 2024 name"), expected);
  expect_list("drwxrwxrwx folder 2 May 10 1996 net",
              "dir <net> size=2 modify=19960510000000"
              " mode=0777");
}

Test(ftp_unix_line, is_not_misled_by_numbers_that_look_like_a_date) {
  expect_list("-rw-r--r-- 5 7 11 2024 Nov 21 13:02 a",
              "file <a> size=2024 modify=20261121130200 mode=0644");
  expect_list("-rw-r--r-- 1 user 12 2024 Dez 21 13:02 a", "file <a> size=2024 mode=0644");
  expect_list("drwxr-xr-x 1 user group 4096 Dec 26 2024 7 Nov 21 2023",
              "dir <7 Nov 21 2023> size=4096 modify=20241226000000 mode=0755");
  expect_list("-rw-r--r-- 1 user group 5 Dez 21 13:02 my 7 Nov 21 2023",
              "file <my 7 Nov 21 2023> size=5 mode=0644");
}

Test(ftp_unix_line, keeps_a_name_byte_for_byte) {
  expect_list("-rw-r--r-- 1 u g 1 Nov 21  2024   two blanks -> more \xff ",
              "file <  two blanks -> more \xff > size=1 modify=20241121000000 mode=0644");
  expect_list("-rw-r--r-- 1 u g 1 Nov 21  2024 2024",
              "file <2024> size=1 modify=20241121000000 mode=0644");
}

Test(ftp_unix_line, takes_a_mark_behind_the_mode_and_special_bits) {
  for (const char* mark : {"+", ".", "@"})
    expect_list(concat("-rwsr-Sr-t", mark, " 1 u g 1 Nov 21 2024 a"),
                "file <a> size=1 modify=20241121000000 mode=7745");
  expect_list("drwxrwxrwt 1 u g 1 Nov 21 2024 a", "dir <a> size=1 modify=20241121000000 mode=1777");
  expect_list("d--------- 1 u g 0 Nov 21 2024 a", "dir <a> size=0 modify=20241121000000");
}

Test(ftp_unix_line, has_no_size_for_a_device) {
  for (const char* numbers : {"4, 64", "4,64", "4,   64"})
    expect_list(concat("crw-rw---- 1 root tty ", numbers, " Nov 21 2024 tty"),
                "other <tty> modify=20241121000000 mode=0660");
}

Test(ftp_unix_line, takes_sizes_beyond_32_bits_and_passes_over_those_beyond_64) {
  expect_list("-rw-r--r-- 1 u g 8589934592 Nov 21 2024 a",
              "file <a> size=8589934592 modify=20241121000000 mode=0644");
  expect_list("-rw-r--r-- 1 u g 99999999999999999999 Nov 21 2024 a",
              "file <a> modify=20241121000000 mode=0644");
  expect_list("-rw-r--r-- 1 u g 1.2K Nov 21 2024 a", "file <a> modify=20241121000000 mode=0644");
}

Test(ftp_unix_line, takes_the_latest_year_that_is_not_more_than_a_day_ahead) {
  const auto year_of = [](std::string_view date, std::string_view time) {
    expect_list(concat("-rw-r--r-- 1 u g 1 ", date, " a"),
                concat("file <a> size=1 modify=", time, " mode=0644"));
  };
  year_of("Nov 21 12:59", "20261121125900");
  year_of("Nov 22 13:00", "20261122130000");
  year_of("Nov 22 13:01", "20251122130100");
  year_of("Dec 31 23:59", "20251231235900");
  year_of("Jan 1 00:00", "20260101000000");
  year_of("Feb 29 10:00", "20240229100000");
}

Test(ftp_unix_line, looks_into_the_next_year_on_its_last_day) {
  expect_list("-rw-r--r-- 1 u g 1 Jan  1 00:30 a",
              "file <a> size=1 modify=20270101003000 mode=0644", 1'798'760'000);
}

Test(ftp_unix_line, holds_with_any_clock_of_ours) {
  for (const time_t now : {time_t{0}, INT64_MIN, INT64_MAX}) {
    RemoteEntry entry;
    cr_expect(parse_list_line("-rw-r--r-- 1 u g 1 Nov 21 13:02 a", now, entry) == LineKind::entry);
    cr_expect(entry.name == "a");
  }
}

Test(ftp_unix_line, reads_dates_of_other_systems) {
  for (const char* date :
       {"21 Nov 13:02", "nov. 21 13:02", "21. Nov 13:02", "11월 21 13:02", "11月 21日 13:02",
        "11 21 13:02", "2026-11-21 13:02", "2026/11/21 13:02:00", "Nov 21 13:02:00 2026",
        "2026-11-21 14:02:00.000000000 +0100"})
    expect_list(concat("-rw-r--r-- 1 u g 1 ", date, " a"),
                "file <a> size=1 modify=20261121130200 mode=0644");
}

Test(ftp_unix_line, gives_a_name_without_a_time_where_the_month_is_not_known) {
  for (const char* date : {"Dez 21 13:02", "21. März 2024", "févr. 21 2024", "Nov 31 2024",
                           "Nov 21 25:61", "21 22 13:02"})
    expect_list(concat("-rw-r--r-- 1 u g 1 ", date, " a"), "file <a> size=1 mode=0644");
}

Test(ftp_unix_line, passes_over_sums_and_dots) {
  for (const char* line : {"total 12", "total 4.0K", "insgesamt 12", "합계 5", "", "  ",
                           "drwxr-xr-x 2 u g 1 Nov 21 2024 .", "drwxr-xr-x 2 u g 1 Nov 21 2024 .."})
    expect_list(line, "nothing");
}

Test(ftp_unix_line, takes_the_mark_off_a_directory) {
  expect_list("drwxr-xr-x 2 u g 1 Nov 21 2024 a/",
              "dir <a> size=1 modify=20241121000000 mode=0755");
}

Test(ftp_unix_line, refuses_names_that_lead_elsewhere) {
  for (const auto& name : {"a/b"s, "/etc/passwd"s, "../x"s, ".."s, "."s, "a\0b"s, "/"s, ""s})
    expect_list("-rw-r--r-- 1 u g 1 Nov 21 2024 " + name, "bad");
  expect_list("lrwxrwxrwx 1 u g 1 Nov 21 2024 .. -> x", "bad");
  expect_list("lrwxrwxrwx 1 u g 1 Nov 21 2024  -> x", "bad");
  expect_list("drwxr-xr-x 1 u g 1 Nov 21 2024 a//", "bad");
}

Test(ftp_unix_line, is_no_other_line) {
  for (const char* line : {"hello", "-rw-r--r--", "-rw-r--r-- 1 u g 1 Nov 21",
                           "sub/dir:", "-rw-r--r-- 1 u g 1 Nov 21 2024", "ls: x: Permission denied",
                           "-rz-r--r-- 1 u g 1 Nov 21 2024 a", "total 12 13"})
    expect_list(line, "bad");
}

Test(ftp_dos_line, tells_of_files_and_directories) {
  expect_list("11-21-26  01:02PM       <DIR>          a dir", "dir <a dir> modify=20261121130200");
  expect_list("11-21-2026  01:02PM            1,234 a  b",
              "file <a  b> size=1234 modify=20261121130200");
  expect_list("11-21-98  12:02AM                 1 a", "file <a> size=1 modify=19981121000200");
}

Test(ftp_dos_line, reads_other_dates) {
  for (const char* date : {"11/21/2026 13:02", "21.11.2026 13:02", "21/11/2026 13:02",
                           "2026-11-21 13:02", "11-21-26 1:02p", "11-21-26 01:02 PM"})
    expect_list(concat(date, " 1 a"), "file <a> size=1 modify=20261121130200");
  expect_list("13-32-26 01:02PM 1 a", "file <a> size=1");
}

Test(ftp_dos_line, tells_of_links_and_where_they_lead) {
  expect_list("11-21-26  01:02PM    <JUNCTION>     a [C:\\b [x]]",
              "link <a [C:\\b> modify=20261121130200 -> x]");
  expect_list("11-21-26  01:02PM    <SYMLINKD>     a b [..\\c d]",
              "link <a b> modify=20261121130200 -> ..\\c d");
  expect_list("11-21-26  01:02PM    <SYMLINK>      a", "link <a> modify=20261121130200");
}

Test(ftp_dos_line, refuses_what_is_none) {
  for (const char* line :
       {"11-21-26", "11-21-26 01:02PM", "11-21-26 01:02PM 12", "1 2 3", "11-21-26 01:02PM 1 ../x",
        "11-21-26 01:02PM 1 ..", "11-21-26 01:02XX 1 a", "11-21-26 01:02PM x a"})
    expect_list(line, "bad");
  expect_list("11-21-26 01:02PM <DIR> ..", "nothing");
}

Test(ftp_eplf_line, tells_its_facts) {
  expect_list("+i8388621.29609,m824255902,r,s1024,\tdjb.html",
              "file <djb.html> size=1024 modify=19960213235822 exact");
  expect_list("+i8388621.44468,m839956783,up755,/,\t a\tb",
              "dir < a\tb> modify=19960813171943 exact mode=0755");
  expect_list("+\ta", "other <a>");
}

Test(ftp_eplf_line, refuses_what_is_none) {
  for (const char* line : {"+r,s1 name", "+r,\t", "+r,\t../x", "+r,\t..", "+r,\ta/b"})
    expect_list(line, "bad");
}
