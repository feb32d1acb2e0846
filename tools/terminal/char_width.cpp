#include "tools/terminal/char_width.h"

#include <algorithm>
#include <span>

#include "reactor/text.h"
#include "tools/terminal/char_width_table.h"

namespace sluice::tools {
namespace {

constexpr std::string_view kEllipsis = "…";

bool holds(std::span<const CharRange> ranges, char32_t c) {
  const auto* const end = ranges.data() + ranges.size();
  const auto* const found =
      std::lower_bound(ranges.data(), end, c,
                       [](const CharRange& range, char32_t value) { return range.last < value; });
  return found != end && found->first <= c;
}

std::size_t bytes_of_code_point(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

/// The second byte alone tells overlong forms, surrogates and what is above U+10FFFF.
bool may_follow(unsigned char lead, unsigned char second) {
  const unsigned char least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned char most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  return second >= least && second <= most;
}

/// How many bytes of `text` fit the code point that the first one announces.
std::size_t fitting_bytes(std::string_view text, std::size_t announced) {
  std::size_t fitting = std::min<std::size_t>(announced, 1);
  while (fitting < std::min(announced, text.size())) {
    const auto next = static_cast<unsigned char>(text[fitting]);
    const bool fits = fitting == 1 ? may_follow(static_cast<unsigned char>(text[0]), next)
                                   : (next & 0xc0) == 0x80;
    if (!fits) break;
    ++fitting;
  }
  return fitting;
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = bytes_of_code_point(lead);
  const std::size_t fitting = fitting_bytes(text, bytes);
  if (bytes == 0 || fitting < bytes) return {lead, std::max<std::size_t>(fitting, 1), false};
  char32_t value = bytes == 1 ? lead : lead & (0x7fU >> bytes);
  for (const char c : text.substr(1, bytes - 1)) {
    value = value << 6 | (static_cast<unsigned char>(c) & 0x3fU);
  }
  return {value, bytes, true};
}

bool is_cut_code_point(std::string_view text) {
  if (text.empty()) return false;
  const std::size_t bytes = bytes_of_code_point(static_cast<unsigned char>(text[0]));
  return text.size() < bytes && fitting_bytes(text, bytes) == text.size();
}

bool is_shown(char32_t c) {
  if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) return false;
  if (c == 0x61c || c == 0x200e || c == 0x200f) return false;
  return !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

std::size_t columns_of(char32_t c) {
  if (c < 0x300) return 1;
  if (holds(kNoColumn, c)) return 0;
  return holds(kTwoColumns, c) ? 2 : 1;
}

Cluster first_cluster(std::string_view text) {
  const CodePoint base = first_code_point(text);
  Cluster cluster{base.bytes, base.valid ? std::max<std::size_t>(columns_of(base.value), 1) : 1};
  while (cluster.bytes < text.size()) {
    const CodePoint next = first_code_point(text.substr(cluster.bytes));
    if (!next.valid || columns_of(next.value) != 0) break;
    cluster.bytes += next.bytes;
  }
  return cluster;
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const Cluster next = first_cluster(text);
    columns += next.columns;
    text.remove_prefix(next.bytes);
  }
  return columns;
}

std::string cut_to_columns(std::string_view text, std::size_t columns) {
  if (columns_of(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::size_t bytes = 0, used = 1;  // the ellipsis
  while (bytes < text.size()) {
    const Cluster next = first_cluster(text.substr(bytes));
    if (used + next.columns > columns) break;
    used += next.columns;
    bytes += next.bytes;
  }
  return concat(text.substr(0, bytes), kEllipsis);
}

}  // namespace sluice::tools
