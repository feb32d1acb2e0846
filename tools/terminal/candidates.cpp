#include "tools/terminal/candidates.h"

#include <algorithm>

#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/terminal/char_width.h"

namespace sluice::tools {
namespace {

constexpr std::size_t kMostShown = 200;  // more nobody reads
constexpr std::size_t kGap = 2;

}  // namespace

std::string_view common_beginning(const std::vector<std::string>& candidates) {
  const std::string_view first = candidates.front();
  std::size_t common = first.size();
  for (const std::string& other : candidates) {
    const auto [end, same] = std::ranges::mismatch(first.substr(0, common), other);
    common = static_cast<std::size_t>(end - first.begin());
  }
  std::size_t size = 0;
  while (size < common) {
    const std::size_t next = first_cluster(first.substr(size)).bytes;
    if (size + next > common) break;
    size += next;
  }
  return first.substr(0, size);
}

std::string list_candidates(const std::vector<std::string>& candidates, std::size_t columns) {
  const std::string_view common = common_beginning(candidates);
  const std::size_t folder = common.rfind('/') + 1;  // npos + 1 is 0
  const std::size_t count = std::min(candidates.size(), kMostShown);
  std::vector<std::string> shown;
  std::size_t widest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    shown.push_back(printable(std::string_view(candidates[i]).substr(folder)));
    widest = std::max(widest, columns_of(shown.back()));
  }
  const std::size_t across = std::max<std::size_t>((columns + kGap) / (widest + kGap), 1);
  const std::size_t down = (count + across - 1) / across;
  std::string text;
  for (std::size_t row = 0; row < down; ++row) {
    for (std::size_t i = row; i < count; i += down) {
      text += shown[i];
      if (i + down < count) text.append(widest + kGap - columns_of(shown[i]), ' ');
    }
    text += '\n';
  }
  if (count < candidates.size()) text += concat("and ", candidates.size() - count, " more\n");
  return text;
}

}  // namespace sluice::tools
