#include "protocols/ftp/list_date.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "protocols/ftp/utc_time.h"
#include "reactor/text.h"

namespace sluice::ftp {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::int64_t kSecondsPerDay = 86'400;

/// Behind the mode there are the links, owner, group and size, each of the names perhaps of several
/// words (`Domain Users`).
constexpr std::size_t kFirstDateWord = 2;
constexpr std::size_t kLastDateWord = 9;

bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

bool is_beyond_ascii(char letter) {
  return static_cast<unsigned char>(letter) >= 0x80;
}

/// The month of `Nov`, `nov.` and `Sept`, in English; 0: none.
unsigned english_month(std::string_view word) {
  constexpr std::string_view kMonths = "janfebmaraprmayjunjulaugsepoctnovdec";
  if (word.ends_with('.')) word.remove_suffix(1);
  char letters[4];
  if (word.size() != 3 && word.size() != 4) return 0;
  std::ranges::transform(word, letters, [](char c) { return static_cast<char>(c | 0x20); });
  if (word.size() == 4 && std::string_view(letters, 4) != "sept") return 0;
  const std::size_t at = kMonths.find(std::string_view(letters, 3));
  return at != kMonths.npos && at % 3 == 0 ? static_cast<unsigned>(at / 3 + 1) : 0;
}

/// Both of one or two digits: `11월` has something behind them, a `21.` or `21,` perhaps.
struct Leading {
  unsigned number;
  std::string_view rest;
};
std::optional<Leading> leading_number(std::string_view word) {
  const std::size_t length = std::min(word.find_first_not_of("0123456789"), word.size());
  const auto number = short_number(word.substr(0, length), 2);
  if (!number) return std::nullopt;
  return Leading{*number, word.substr(length)};
}

std::optional<unsigned> day_of(std::string_view word) {
  const auto day = leading_number(word);
  if (!day || day->number < 1 || day->number > 31) return std::nullopt;
  const bool plain = day->rest.empty() || day->rest == "." || day->rest == ",";
  return plain || is_beyond_ascii(day->rest.front()) ? std::optional(day->number) : std::nullopt;
}

/// The month that a word tells beyond doubt; 0: none.
unsigned month_of(std::string_view word) {
  if (const unsigned month = english_month(word)) return month;
  const auto month = leading_number(word);
  const bool named = month && !month->rest.empty() && is_beyond_ascii(month->rest.front());
  return named && month->number <= 12 ? month->number : 0;
}

/// A month of a language not known, or `11`.
bool may_be_month(std::string_view word, bool before_clock) {
  if (short_number(word, 2)) return before_clock;
  constexpr std::size_t kLongest = 24;
  return word.size() <= kLongest && std::ranges::none_of(word, is_digit) &&
         std::ranges::any_of(word, [](char c) {
           return is_beyond_ascii(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
         });
}

std::optional<unsigned> year_of(std::string_view word) {
  return word.size() == 4 ? short_number(word, 4) : std::nullopt;
}

/// The latest time of that day and clock that is at most a day after `now`.
std::optional<timespec> latest_time(ListDay day, unsigned second_of_day, time_t now) {
  day.year = UtcClock().at(now).year + 1;
  // A 29 February may be eight years back.
  for (int i = 0; i < 10 && day.year > 0; ++i, --day.year) {
    const auto time = time_of(day, second_of_day);
    if (time && time->tv_sec - kSecondsPerDay <= now) return time;
  }
  return std::nullopt;
}

/// `+0100` behind a clock with a fraction: what `ls --full-time` prints.
std::optional<int> zone_seconds(std::string_view word) {
  if (word.size() != 5 || (word[0] != '+' && word[0] != '-')) return std::nullopt;
  const auto hours = short_number(word.substr(1, 2), 2), minutes = short_number(word.substr(3), 2);
  if (!hours || !minutes) return std::nullopt;
  const int seconds = static_cast<int>(*hours * 3600 + *minutes * 60);
  return word[0] == '+' ? seconds : -seconds;
}

/// `2026-11-21 13:02`.
std::optional<FoundDate> iso_date(const Words& words, std::size_t at) {
  const auto day = parse_iso_day(words[at]);
  const auto clock = day ? parse_clock(words[at + 1]) : std::nullopt;
  if (!clock) return std::nullopt;
  FoundDate date{at, 2, std::nullopt};
  if (clock->valid()) date.time = time_of(*day, clock->second_of_day());
  const auto zone = clock->has_fraction ? zone_seconds(words[at + 2]) : std::nullopt;
  if (!zone) return date;
  date.words = 3;
  if (date.time) date.time->tv_sec -= *zone;
  return date;
}

/// `Nov 21 13:02`, `Nov 21 2024`, `21 Nov 13:02`, `Nov 21 13:02:59 2024`. `loose`: the month may be
/// any word.
std::optional<FoundDate> word_date(const Words& words, std::size_t at, time_t now, bool loose) {
  std::string_view month_word = words[at];
  auto day = day_of(words[at + 1]);
  if (!day) {
    month_word = words[at + 1];
    day = day_of(words[at]);
  }
  const auto clock = parse_clock(words[at + 2]);
  auto year = year_of(words[at + 2]);
  if (!day || (!clock && !year)) return std::nullopt;
  ListDay date{0, month_of(month_word), *day};
  if (date.month == 0) {
    if (!loose || !may_be_month(month_word, clock.has_value())) return std::nullopt;
    date.month = short_number(month_word, 2).value_or(0);
  }
  FoundDate found{at, 3, std::nullopt};
  if (clock && clock->has_seconds && !words[at + 4].empty()) {
    year = year_of(words[at + 3]);
    if (year) found.words = 4;
  }
  if (clock && !clock->valid()) return found;
  const unsigned second = clock ? clock->second_of_day() : 0;
  date.year = year.value_or(0);
  found.time = year ? time_of(date, second) : latest_time(date, second, now);
  return found;
}

bool is_number(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, is_digit);
}

}  // namespace

Words::Words(std::string_view line) : line_(line) {
  for (auto& word : words_) {
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    word = line.substr(0, line.find_first_of(kBlanks));
    line.remove_prefix(word.size());
  }
}

std::string_view Words::after(std::size_t index) const {
  const std::string_view word = (*this)[index];
  const auto end = static_cast<std::size_t>(word.data() + word.size() - line_.data());
  return line_.substr(std::min(end + 1, line_.size()));
}

std::optional<unsigned> short_number(std::string_view text, std::size_t most_digits) {
  return text.size() <= most_digits ? parse_number<unsigned>(text) : std::nullopt;
}

std::optional<timespec> time_of(const ListDay& day, unsigned second_of_day) {
  using namespace std::chrono;
  const year_month_day date(year(static_cast<int>(day.year)), month(day.month),
                            std::chrono::day(day.day));
  if (!date.ok() || day.year < 1970) return std::nullopt;
  const std::int64_t days = sys_days(date).time_since_epoch().count();
  return timespec{days * kSecondsPerDay + second_of_day, 0};
}

std::optional<ListClock> parse_clock(std::string_view word) {
  const std::size_t colon = word.find(':');
  if (colon == word.npos) return std::nullopt;
  const auto hour = short_number(word.substr(0, colon), 2);
  const auto minute = short_number(word.substr(colon + 1, 2), 2);
  if (!hour || !minute || word.size() < colon + 3) return std::nullopt;
  ListClock clock{.hour = *hour, .minute = *minute};
  word.remove_prefix(colon + 3);
  if (word.empty()) return clock;
  const auto second = short_number(word.substr(1, 2), 2);
  if (word.front() != ':' || !second || word.size() < 3) return std::nullopt;
  clock.second = *second;
  clock.has_seconds = true;
  word.remove_prefix(3);
  clock.has_fraction = word.size() > 1 && word.front() == '.' && is_number(word.substr(1));
  return word.empty() || clock.has_fraction ? std::optional(clock) : std::nullopt;
}

std::optional<ListDay> parse_iso_day(std::string_view word) {
  if (word.size() != 10 || word[4] != word[7] || (word[4] != '-' && word[4] != '/'))
    return std::nullopt;
  const auto year = short_number(word.substr(0, 4), 4);
  const auto month = short_number(word.substr(5, 2), 2);
  const auto day = short_number(word.substr(8, 2), 2);
  if (!year || !month || !day) return std::nullopt;
  return ListDay{*year, *month, *day};
}

std::optional<FoundDate> find_date(const Words& words, time_t now) {
  // A numeric owner and group with a size behind them may look like a date that is not English;
  // then the real one overlaps it. One beyond it is part of the name.
  std::optional<FoundDate> loose;
  for (std::size_t at = kFirstDateWord; at <= kLastDateWord; ++at) {
    if (loose && at > loose->at + loose->words) break;
    if (auto date = iso_date(words, at)) return date;
    if (auto date = word_date(words, at, now, false)) return date;
    if (!loose && at > kFirstDateWord && is_number(words[at - 1]))
      loose = word_date(words, at, now, true);
  }
  return loose;
}

}  // namespace sluice::ftp
