#pragma once

#include <time.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace sluice::ftp {

/// The words at the front of a line of LIST, as blanks part them; those beyond are empty.
class Words {
 public:
  static constexpr std::size_t kMost = 14;

  explicit Words(std::string_view line);
  std::string_view operator[](std::size_t index) const {
    return index < kMost ? words_[index] : std::string_view();
  }
  /// All behind a word that there is and the one blank after it.
  std::string_view after(std::size_t index) const;

 private:
  std::string_view line_;
  std::array<std::string_view, kMost> words_;
};

/// `text` as a number, if it is one to `most_digits` digits and nothing else.
std::optional<unsigned> short_number(std::string_view text, std::size_t most_digits);

struct ListDay {
  unsigned year = 0, month = 0, day = 0;
};
/// Nothing for a day that is none, or before 1970.
std::optional<timespec> time_of(const ListDay& day, unsigned second_of_day);

/// `13:02`, `7:05`, `13:02:59`, `13:02:59.123`.
struct ListClock {
  unsigned hour = 0, minute = 0, second = 0;
  bool has_seconds = false, has_fraction = false;

  bool valid() const { return hour < 24 && minute < 60 && second <= 60; }
  unsigned second_of_day() const { return hour * 3600 + minute * 60 + second; }
};
std::optional<ListClock> parse_clock(std::string_view word);

/// `2026-11-21`, also with `/` between.
std::optional<ListDay> parse_iso_day(std::string_view word);

/// Where the date is in a line of `ls -l`: its first word, how many it has, and what time it tells,
/// if that can be read.
struct FoundDate {
  std::size_t at = 0, words = 0;
  std::optional<timespec> time;
};
/// Looks behind the mode, the first word, and at least one more.
std::optional<FoundDate> find_date(const Words& words, time_t now);

}  // namespace sluice::ftp
