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

}  // namespace

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
