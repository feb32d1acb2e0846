#include "protocols/ftp/remote_entry.h"

#include <algorithm>
#include <charconv>

#include "protocols/ftp/list_parser.h"
#include "protocols/ftp/timestamp.h"

namespace sluice::ftp {
namespace {

using Type = RemoteEntry::Type;

constexpr std::size_t kFirstBadBytes = 80;

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool same_letters(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, {}, lower, lower);
}

bool begins_with_letters(std::string_view text, std::string_view beginning) {
  return same_letters(text.substr(0, beginning.size()), beginning);
}

std::optional<unsigned> parse_mode(std::string_view text) {
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return mode & 07777;
}

/// What an entry's facts say beside what RemoteEntry has.
struct Facts {
  bool any = false;
  bool self_or_parent = false;  ///< cdir, pdir
};

void take_type(std::string_view value, RemoteEntry& entry, Facts& facts) {
  constexpr std::string_view kLink = "OS.unix=slink", kOtherLink = "OS.unix=symlink";
  facts.self_or_parent = same_letters(value, "cdir") || same_letters(value, "pdir");
  entry.target.clear();
  if (facts.self_or_parent || same_letters(value, "dir")) {
    entry.type = Type::directory;
  } else if (same_letters(value, "file")) {
    entry.type = Type::file;
  } else if (begins_with_letters(value, kLink) || begins_with_letters(value, kOtherLink)) {
    entry.type = Type::link;
    if (const auto colon = value.find(':'); colon != value.npos)
      entry.target = value.substr(colon + 1);
  } else {
    entry.type = Type::other;
  }
}

void take_fact(std::string_view fact, RemoteEntry& entry, Facts& facts) {
  const std::size_t equals = fact.find('=');
  if (equals == fact.npos) return;
  facts.any = true;
  const std::string_view name = fact.substr(0, equals), value = fact.substr(equals + 1);
  if (same_letters(name, "type")) {
    take_type(value, entry, facts);
  } else if (same_letters(name, "size") || same_letters(name, "sizd")) {
    entry.size = parse_number<std::uint64_t>(value);
  } else if (same_letters(name, "modify")) {
    entry.modified = parse_timestamp(value);
    entry.exact = entry.modified.has_value();
  } else if (same_letters(name, "UNIX.mode")) {
    entry.mode = parse_mode(value);
  }
}

/// A line of NLST.
LineKind parse_name_line(std::string_view line, RemoteEntry& entry) {
  clear_entry(entry);
  if (line.empty()) return LineKind::nothing;
  const std::size_t last = line.find_last_not_of('/');
  if (last == line.npos) return LineKind::bad;
  if (last + 1 < line.size()) entry.type = Type::directory;
  line = line.substr(0, last + 1);
  const std::string_view name = line.substr(line.rfind('/') + 1);
  if (name == "." || name == "..") return LineKind::nothing;
  return take_name(name, entry);
}

}  // namespace

LineKind parse_facts_line(std::string_view line, RemoteEntry& entry) {
  clear_entry(entry);
  entry.type = Type::other;
  if (line.empty()) return LineKind::nothing;
  const std::size_t space = line.find(' ');
  if (space == line.npos) return LineKind::bad;
  Facts facts;
  for (std::string_view rest = line.substr(0, space); !rest.empty();) {
    const std::size_t length = std::min(rest.find(';'), rest.size());
    take_fact(rest.substr(0, length), entry, facts);
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  if (facts.self_or_parent) return LineKind::nothing;
  if (space > 0 && !facts.any) return LineKind::bad;
  return take_name(line.substr(space + 1), entry);
}

LineKind parse_list_line(std::string_view line, time_t now, RemoteEntry& entry) {
  clear_entry(entry);
  if (is_no_entry(line)) return LineKind::nothing;
  if (line.front() == '+') return parse_eplf_line(line, entry);
  if (line.front() >= '0' && line.front() <= '9') return parse_dos_line(line, entry);
  return parse_unix_line(line, now, entry);
}

/// Takes bytes up to the end of a line, with that.
std::size_t ListingReader::take_piece(std::string_view bytes) {
  has_entry_ = false;
  const std::size_t end = bytes.find('\n');
  const std::string_view piece = bytes.substr(0, end);
  if (end != bytes.npos && held_.empty() && piece.size() <= kMaxLineBytes) {
    end_line(piece);  // no need to copy it
    return end + 1;
  }
  hold(piece);
  if (end == bytes.npos) return bytes.size();
  end_held_line();
  return end + 1;
}

void ListingReader::hold(std::string_view piece) {
  const std::size_t room = kMaxLineBytes - held_.size();
  if (piece.size() > room) too_long_ = true;
  held_.append(piece.substr(0, room));
}

void ListingReader::end_held_line() {
  has_entry_ = false;
  if (too_long_) {
    note_bad(held_);
  } else {
    end_line(held_);
  }
  held_.clear();
  too_long_ = false;
}

void ListingReader::end_line(std::string_view line) {
  while (line.ends_with('\r')) line.remove_suffix(1);
  const LineKind kind = parse(line);
  has_entry_ = kind == LineKind::entry;
  if (has_entry_) ++entries_;
  if (kind == LineKind::bad) note_bad(line);
}

LineKind ListingReader::parse(std::string_view line) {
  switch (format_) {
    case Format::facts:
      return parse_facts_line(line, entry_);
    case Format::list:
      return parse_list_line(line, now_, entry_);
    case Format::names:
      return parse_name_line(line, entry_);
  }
  return LineKind::bad;
}

void ListingReader::note_bad(std::string_view line) {
  if (bad_lines_++ == 0) first_bad_ = line.substr(0, kFirstBadBytes);
}

}  // namespace sluice::ftp
