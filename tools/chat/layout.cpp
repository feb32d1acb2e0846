#include "tools/chat/layout.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "protocols/chat/nick.h"
#include "reactor/text.h"
#include "tools/terminal/char_width.h"

namespace sluice::tools {
namespace {

/// Of the colours that are the same everywhere those whose contrast (WCAG 2.1) is at least 4 to 1
/// both to black and to white.
constexpr std::uint8_t kManyColours[] = {27,  28,  30,  31,  62,  63,  64,  97,  98,  99,
                                         129, 130, 131, 132, 133, 161, 162, 163, 164, 196};
/// Yellow and blue are hard to read on one of the two backgrounds.
constexpr std::uint8_t kBasicColours[] = {31, 32, 35, 36};

constexpr std::string_view kDim = "\x1b[2m", kItalic = "\x1b[3m", kPlain = "\x1b[0m";
constexpr std::size_t kNarrow = 24;  // columns; with fewer an indent costs more than it shows

std::string colour_of(std::string_view nick, Colours colours) {
  if (colours == Colours::none) return {};
  std::uint32_t hash = 2166136261;  // FNV-1a
  for (const char c : chat::fold(nick)) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  hash ^= hash >> 16;
  if (colours == Colours::basic) {
    return concat("\x1b[", kBasicColours[hash % std::size(kBasicColours)], 'm');
  }
  return concat("\x1b[38;5;", kManyColours[hash % std::size(kManyColours)], 'm');
}

/// A text whose parts are shown in different ways.
class StyledText {
 public:
  explicit StyledText(bool styled) : styled_(styled) {}

  void add(std::string_view text, std::string_view style) {
    text_ += text;
    parts_.push_back({text_.size(), styled_ ? std::string(style) : std::string()});
  }
  const std::string& text() const { return text_; }

  void write(std::string& out, Row row) const {
    std::size_t at = row.begin;
    for (const Part& part : parts_) {
      const std::size_t end = std::min(part.end, row.end);
      if (end <= at) continue;
      out += part.style;
      out += std::string_view(text_).substr(at, end - at);
      if (!part.style.empty()) out += kPlain;
      at = end;
    }
  }

 private:
  struct Part {
    std::size_t end;
    std::string style;
  };
  bool styled_;
  std::string text_;
  std::vector<Part> parts_;
};

bool is_among(std::string_view cluster, std::string_view characters) {
  return !cluster.empty() && characters.find(cluster) != characters.npos;
}

/// Whether a row may end between two clusters that are not blanks.
bool may_part(std::string_view left, bool left_wide, std::string_view right, bool right_wide) {
  if (!left_wide && !right_wide) return false;
  return !is_among(right, ".,:;!?)]}%'\"…。、，．：；！？）］｝」』】》〉ー") &&
         !is_among(left, "([{'\"（［｛「『【《〈");
}

/// Finds the rows of a text one after the other.
class Wrapper {
 public:
  Wrapper(std::string_view text, std::size_t later_columns) : text_(text), later_(later_columns) {}

  /// The row of at most `room` columns that begins at `begin`; sets where the next one does.
  Row row(std::size_t begin, std::size_t room) {
    break_.reset();
    std::size_t at = begin, used = 0;
    Seen last;
    while (at < text_.size()) {
      const Cluster next = first_cluster(text_.substr(at));
      const Seen seen{text_.substr(at, next.bytes), next.columns == 2};
      note_break(last, seen, at, at > begin);
      if (used + next.columns > room) return end_row(begin, at, next.bytes);
      used += next.columns;
      at += next.bytes;
      last = seen;
    }
    next_ = at;
    return {begin, at};
  }
  std::size_t next() const { return next_; }

 private:
  struct Seen {
    std::string_view cluster;
    bool wide = false;
    bool blank() const { return cluster == " "; }
  };
  struct Break {
    std::size_t end, next;
    bool at_blank;
  };

  void note_break(const Seen& last, const Seen& seen, std::size_t at, bool begun) {
    if (!begun) return;
    if (seen.blank()) {
      const bool goes_on = last.blank() && break_;
      break_ = Break{goes_on ? break_->end : at, at + 1, true};
    } else if (may_part(last.cluster, last.wide, seen.cluster, seen.wide)) {
      if (!last.blank()) break_ = Break{at, at, false};
    }
  }

  Row end_row(std::size_t begin, std::size_t edge, std::size_t bytes_at_edge) {
    // A word that is longer than a row is cut in any case.
    if (break_ && break_->at_blank && !fits_a_row(break_->next)) break_.reset();
    const std::size_t at_least = edge == begin ? begin + bytes_at_edge : edge;
    const Break found = break_.value_or(Break{at_least, at_least, false});
    next_ = std::min(text_.find_first_not_of(' ', found.next), text_.size());
    return {begin, found.end};
  }

  bool fits_a_row(std::size_t word) const {
    std::size_t used = 0;
    Seen last;
    while (word < text_.size() && used <= later_) {
      const Cluster next = first_cluster(text_.substr(word));
      const Seen seen{text_.substr(word, next.bytes), next.columns == 2};
      if (seen.blank() || may_part(last.cluster, last.wide, seen.cluster, seen.wide)) return true;
      used += next.columns;
      word += next.bytes;
      last = seen;
    }
    return used <= later_;
  }

  std::string_view text_;
  std::size_t later_;
  std::optional<Break> break_;
  std::size_t next_ = 0;
};

void add_parts(StyledText& all, const Message& message, Colours colours) {
  switch (message.kind) {
    case Message::Kind::said:
      all.add(message.nick, colour_of(message.nick, colours));
      all.add(": ", "");
      return all.add(message.text, "");
    case Message::Kind::whisper:
      all.add(message.nick, colour_of(message.nick, colours));
      all.add(message.to.empty() ? " (private): " : concat(" (private to ", message.to, "): "),
              kItalic);
      return all.add(message.text, kItalic);
    case Message::Kind::notice:
      all.add("* ", kDim);
      return all.add(message.text, kDim);
    case Message::Kind::other:
      return all.add(message.text, "");
  }
}

}  // namespace

Colours colours_of_environment() {
  const auto value = [](const char* name) {
    const char* const set = std::getenv(name);
    return std::string_view(set ? set : "");
  };
  const std::string_view kind = value("TERM");
  if (!value("NO_COLOR").empty() || kind.empty() || kind == "dumb") return Colours::none;
  const bool many = kind.find("256color") != kind.npos || !value("COLORTERM").empty();
  return many ? Colours::many : Colours::basic;
}

std::vector<Row> wrap_rows(std::string_view text, std::size_t columns, std::size_t indent) {
  const std::size_t later = columns > indent ? columns - indent : columns;
  Wrapper wrapper(text, later);
  std::vector<Row> rows{wrapper.row(0, columns)};
  while (wrapper.next() < text.size()) rows.push_back(wrapper.row(wrapper.next(), later));
  return rows;
}

std::string lay_out(const Message& message, std::string_view time, std::size_t columns,
                    Colours colours) {
  StyledText all(colours != Colours::none);
  if (!time.empty()) all.add(concat(time, ' '), kDim);
  const std::size_t indent = columns < kNarrow ? 0 : all.text().size();
  add_parts(all, message, colours);
  std::string out;
  for (const Row& row : wrap_rows(all.text(), std::max<std::size_t>(columns, 2), indent)) {
    if (row.begin != 0) out.append(indent, ' ');
    all.write(out, row);
    out += '\n';
  }
  return out;
}

}  // namespace sluice::tools
