#include "tools/progress.h"

#include <criterion/criterion.h>

#include <string>

using namespace sluice;
using namespace sluice::tools;
using namespace std::chrono_literals;

namespace {

Transfer half_done() {
  return {.name = "report.pdf", .done = 5'000'000, .total = 10'000'000, .elapsed = 2s};
}

void expect_text(const std::string& actual, const std::string& expected) {
  cr_expect(actual == expected, "expected '%s', got '%s'", expected.c_str(), actual.c_str());
}

bool has(const std::string& line, const char* text) {
  return line.find(text) != std::string::npos;
}

}  // namespace

Test(progress, tells_all_of_it_on_a_wide_terminal) {
  const std::string line = progress_line(half_done(), 200);
  expect_text(line,
              "report.pdf  [===================>                  ]   50%    5.0 MB    2.5 MB/s"
              "   0:02 left");
}

Test(progress, leaves_the_bar_and_the_time_out_at_40_columns) {
  expect_text(progress_line(half_done(), 40), "report.pdf   50%    5.0 MB    2.5 MB/s");
}

Test(progress, shows_name_and_percentage_at_10_columns) {
  expect_text(progress_line(half_done(), 10), "rep…   50%");
}

Test(progress, never_takes_more_columns_than_there_are) {
  for (const char* name :
       {"", "a", "report.pdf", "überlänge-straße-ñandú.txt", "日本語の名前.txt"}) {
    for (std::size_t width = 0; width <= 200; ++width) {
      for (const std::uint64_t total : {0UL, 1UL, 999'999UL, ~0UL}) {
        for (const Duration elapsed : {Duration(0), Duration(1), Duration(2s), Duration(100h)}) {
          const Transfer known{name, total / 3, total, 0, elapsed};
          const Transfer unknown{name, total, {}, 0, elapsed};
          cr_assert(columns_of(progress_line(known, width)) <= width);
          cr_assert(columns_of(progress_line(unknown, width)) <= width);
        }
      }
    }
  }
}

Test(progress, of_an_unknown_total_tells_bytes_and_rate_only) {
  Transfer transfer = half_done();
  transfer.total.reset();
  expect_text(progress_line(transfer, 200), "report.pdf    5.0 MB    2.5 MB/s");
  expect_text(progress_line(transfer, 20), "report.pdf    5.0 MB");
  expect_text(progress_line(transfer, 10), "report.pdf");
}

Test(progress, does_not_count_what_was_there_before_as_speed) {
  Transfer transfer = half_done();
  transfer.skipped = 4'000'000;
  const std::string line = progress_line(transfer, 200);
  cr_expect(has(line, " 50%"));
  cr_expect(has(line, "500.0 kB/s"), "%s", line.c_str());
  cr_expect(has(line, "0:10 left"), "%s", line.c_str());
}

Test(progress, promises_no_time_when_nothing_moves) {
  Transfer transfer = half_done();
  transfer.skipped = transfer.done;
  cr_expect(has(progress_line(transfer, 200), "-:-- left"));
}

Test(progress, tells_hours_when_it_takes_hours) {
  const Transfer transfer{"x", 1'000, 3'726'000, 0, 1s};
  cr_expect(has(progress_line(transfer, 100), "1:02:05 left"));
}

Test(progress, of_an_empty_file_is_complete) {
  cr_expect(has(progress_line({.name = "empty", .total = 0}, 80), "100%"));
}

Test(progress, of_more_than_the_total_stays_at_100_percent) {
  Transfer transfer = half_done();
  transfer.done = 20'000'000;
  cr_expect(has(progress_line(transfer, 80), "100%"));
  cr_expect(has(progress_line(transfer, 80), "0:00 left"));
}

Test(progress, is_not_at_100_percent_a_byte_before_the_end) {
  const Transfer transfer{"x", 9'999, 10'000, 0, 1s};
  cr_expect(has(progress_line(transfer, 80), " 99%"));
}

Test(names, are_cut_between_characters) {
  expect_text(cut_to_columns("äöü", 3), "äöü");
  expect_text(cut_to_columns("äöü", 2), "ä…");
  expect_text(cut_to_columns("äöü", 1), "…");
  expect_text(cut_to_columns("äöü", 0), "");
}

Test(names, of_wide_characters_take_two_columns_each) {
  cr_expect(columns_of("日本語") == 6);
  expect_text(cut_to_columns("日本語", 6), "日本語");
  expect_text(cut_to_columns("日本語", 5), "日本…");
  expect_text(cut_to_columns("日本語", 4), "日…");
}

Test(names, keep_a_combining_mark_with_its_letter) {
  cr_expect(columns_of("e\u0301a") == 2);
  expect_text(cut_to_columns("e\u0301ab", 2), "e\u0301…");
}

Test(names, that_end_in_the_middle_of_a_character_are_no_danger) {
  cr_expect(columns_of("a\xe2\x82") == 2);
  expect_text(cut_to_columns("ab\xe2\x82", 2), "a…");
}

Test(sizes, are_cut_to_a_tenth) {
  expect_text(size_text(0), "0 B");
  expect_text(size_text(999), "999 B");
  expect_text(size_text(1000), "1.0 kB");
  expect_text(size_text(999'999), "999.9 kB");
  expect_text(size_text(1'234'567), "1.2 MB");
  expect_text(size_text(18'446'744'073'709'551'615U), "18.4 EB");
}

Test(summary, tells_bytes_time_and_speed) {
  expect_text(summary_line(half_done()), "report.pdf: 5.0 MB in 2.0 s, 2.5 MB/s");
}
