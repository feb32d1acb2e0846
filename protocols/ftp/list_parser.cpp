#include "protocols/ftp/list_parser.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "protocols/ftp/list_date.h"

namespace sluice::ftp {
namespace {

using Type = RemoteEntry::Type;

constexpr std::string_view kBlanks = " \t";
constexpr std::size_t kModeLetters = 10;

std::string_view without_leading_blanks(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text;
}

// --- ls -l
// ----------------------------------------------------------------------------------------

/// The bits of one `rwx`, `special` among them if the last letter tells of it; nothing if it is no
/// such three letters.
std::optional<unsigned> rights_of(std::string_view letters, unsigned special) {
  const char last = letters[2];
  if ((letters[0] != 'r' && letters[0] != '-') || (letters[1] != 'w' && letters[1] != '-') ||
      std::string_view("-xsStTlL").find(last) == std::string_view::npos)
    return std::nullopt;
  unsigned bits = (letters[0] == 'r' ? 4u : 0u) | (letters[1] == 'w' ? 2u : 0u);
  if (last == 'x' || last == 's' || last == 't') bits |= 1;
  return last == 'x' || last == '-' ? bits : bits | special;
}

/// `-rwxr-sr-x`, and perhaps more behind it. Whether it is that.
bool take_mode(std::string_view word, RemoteEntry& entry) {
  if (word.size() < kModeLetters) return false;
  switch (word[0]) {
    case '-':
      entry.type = Type::file;
      break;
    case 'd':
      entry.type = Type::directory;
      break;
    case 'l':
      entry.type = Type::link;
      break;
    default:
      if (std::string_view("bcpsDC").find(word[0]) == std::string_view::npos) return false;
      entry.type = Type::other;
  }
  // A special bit counts for its own letter only: they come shifted to the place of the owner's.
  const auto owner = rights_of(word.substr(1, 3), 04000 >> 6);
  const auto group = rights_of(word.substr(4, 3), 02000 >> 3);
  const auto others = rights_of(word.substr(7, 3), 01000);
  if (!owner || !group || !others) return false;
  const unsigned mode = *owner << 6 | *group << 3 | *others;
  // Systems without modes print none.
  if (mode != 0) entry.mode = mode;
  return true;
}

void split_link(RemoteEntry& entry, std::string_view& name) {
  constexpr std::string_view kArrow = " -> ";
  const std::size_t arrow = name.find(kArrow);
  if (arrow == name.npos) return;
  entry.target = name.substr(arrow + kArrow.size());
  name = name.substr(0, arrow);
}

// --- dir
// ------------------------------------------------------------------------------------------

/// `11-21-26`, `11-21-2026`, `11/21/2026`, `21.11.2026`, `2026-11-21`.
std::optional<ListDay> parse_dos_day(std::string_view word) {
  if (const auto day = parse_iso_day(word)) return day;
  if (word.size() != 8 && word.size() != 10) return std::nullopt;
  const char mark = word[2];
  if ((mark != '-' && mark != '/' && mark != '.') || word[5] != mark) return std::nullopt;
  auto month = short_number(word.substr(0, 2), 2), day = short_number(word.substr(3, 2), 2);
  auto year = short_number(word.substr(6), 4);
  if (!month || !day || !year) return std::nullopt;
  if (word.size() == 8) *year += *year < 70 ? 2000 : 1900;
  if (mark == '.' || *month > 12) std::swap(month, day);
  return ListDay{*year, *month, *day};
}

/// Adds the half of the day, `PM`, `p`, to a clock of twelve hours. Whether it was that.
bool take_half(std::string_view half, ListClock& clock) {
  if (half.empty() || half.size() > 2) return false;
  const char letter = static_cast<char>(half[0] | 0x20);
  if ((letter != 'a' && letter != 'p') || (half.size() == 2 && (half[1] | 0x20) != 'm'))
    return false;
  if (letter == 'p' && clock.hour < 12) clock.hour += 12;
  if (letter == 'a' && clock.hour == 12) clock.hour = 0;
  return true;
}

/// `01:02PM`, `13:02`; the half may be a word of its own. How many words it takes; 0: it is none.
std::size_t take_dos_clock(const Words& words, std::size_t at, ListClock& clock) {
  const std::string_view word = words[at];
  const std::size_t digits = std::min(word.find_first_not_of("0123456789:"), word.size());
  const auto parsed = parse_clock(word.substr(0, digits));
  if (!parsed) return 0;
  clock = *parsed;
  if (digits < word.size()) return take_half(word.substr(digits), clock) ? 1 : 0;
  return take_half(words[at + 1], clock) ? 2 : 1;
}

/// `<DIR>`, `1,234`. Whether it is such a word.
bool take_dos_size(std::string_view word, RemoteEntry& entry) {
  if (word.starts_with('<') && word.ends_with('>')) {
    entry.type = word == "<DIR>" || word == "<dir>"                              ? Type::directory
                 : word.starts_with("<JUNCTION") || word.starts_with("<SYMLINK") ? Type::link
                                                                                 : Type::other;
    return true;
  }
  std::uint64_t size = 0;
  bool fits = true;
  for (const char letter : word) {
    if (letter == ',' || letter == '.') continue;
    if (letter < '0' || letter > '9') return false;
    const auto digit = static_cast<unsigned>(letter - '0');
    fits = fits && size <= (UINT64_MAX - digit) / 10;
    if (fits) size = size * 10 + digit;
  }
  if (word.empty()) return false;
  if (fits) entry.size = size;
  return true;
}

// --- EPLF
// -----------------------------------------------------------------------------------------

void take_eplf_fact(std::string_view fact, RemoteEntry& entry) {
  constexpr std::uint64_t kLastSecond = 253'402'300'799;  // of the year 9999
  if (fact == "/") entry.type = Type::directory;
  if (fact == "r" && entry.type == Type::other) entry.type = Type::file;
  if (fact.starts_with('s')) entry.size = parse_number<std::uint64_t>(fact.substr(1));
  if (fact.starts_with('m')) {
    const auto time = parse_number<std::uint64_t>(fact.substr(1));
    entry.exact = time && *time <= kLastSecond;
    if (entry.exact) entry.modified = timespec{static_cast<time_t>(*time), 0};
  }
  if (fact.starts_with("up")) {
    unsigned mode = 0;
    const auto [end, error] = std::from_chars(fact.data() + 2, fact.data() + fact.size(), mode, 8);
    if (error == std::errc{} && end == fact.data() + fact.size()) entry.mode = mode & 07777;
  }
}

}  // namespace

LineKind parse_unix_line(std::string_view line, time_t now, RemoteEntry& entry) {
  const Words words(line);
  if (!take_mode(words[0], entry)) return LineKind::bad;
  const auto date = find_date(words, now);
  if (!date) return LineKind::bad;
  entry.modified = date->time;
  if (entry.type != Type::other) entry.size = parse_number<std::uint64_t>(words[date->at - 1]);
  std::string_view name = words.after(date->at + date->words - 1);
  if (entry.type == Type::link) split_link(entry, name);
  // `ls -F` marks directories.
  if (entry.type == Type::directory && name.ends_with('/')) name.remove_suffix(1);
  return take_name(name, entry);
}

LineKind parse_dos_line(std::string_view line, RemoteEntry& entry) {
  const Words words(line);
  const auto day = parse_dos_day(words[0]);
  ListClock clock;
  const std::size_t clock_words = day ? take_dos_clock(words, 1, clock) : 0;
  const std::size_t at = 1 + clock_words;
  if (clock_words == 0 || !take_dos_size(words[at], entry)) return LineKind::bad;
  if (clock.valid()) entry.modified = time_of(*day, clock.second_of_day());
  std::string_view name = without_leading_blanks(words.after(at));
  const std::size_t target = entry.type == Type::link ? name.rfind(" [") : name.npos;
  if (target != name.npos && name.ends_with(']')) {
    entry.target = name.substr(target + 2, name.size() - target - 3);
    name = name.substr(0, target);
  }
  return take_name(name, entry);
}

LineKind parse_eplf_line(std::string_view line, RemoteEntry& entry) {
  const std::size_t tab = line.find('\t');
  if (!line.starts_with('+') || tab == line.npos) return LineKind::bad;
  entry.type = Type::other;
  for (std::string_view facts = line.substr(1, tab - 1); !facts.empty();) {
    const std::size_t length = std::min(facts.find(','), facts.size());
    take_eplf_fact(facts.substr(0, length), entry);
    facts.remove_prefix(std::min(length + 1, facts.size()));
  }
  return take_name(line.substr(tab + 1), entry);
}

bool is_no_entry(std::string_view line) {
  const Words words(line);
  if (words[0].empty()) return true;
  const auto begins_with = [&words](std::size_t index, std::string_view any) {
    return any.find(words[index].front()) != any.npos;
  };
  if (words[1].empty() || !words[2].empty()) return false;
  return !begins_with(0, "+-0123456789") && begins_with(1, "0123456789");
}

void clear_entry(RemoteEntry& entry) {
  entry.name.clear();
  entry.type = Type::file;
  entry.size.reset();
  entry.modified.reset();
  entry.exact = false;
  entry.mode.reset();
  entry.target.clear();
}

LineKind take_name(std::string_view name, RemoteEntry& entry) {
  if (name == "." || name == "..") {
    const bool expected = entry.type == Type::directory || entry.type == Type::other;
    return expected ? LineKind::nothing : LineKind::bad;
  }
  constexpr std::string_view kForbidden("/\0", 2);
  if (name.empty() || name.find_first_of(kForbidden) != name.npos) return LineKind::bad;
  entry.name = name;
  return LineKind::entry;
}

}  // namespace sluice::ftp
