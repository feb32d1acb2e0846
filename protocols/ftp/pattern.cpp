#include "protocols/ftp/pattern.h"

#include <algorithm>
#include <cstddef>

namespace sluice::ftp {
namespace {

/// The length of the bracket expression that `pattern` begins with; 0 when it is none.
std::size_t bracket_length(std::string_view pattern) {
  std::size_t end = 1;
  if (end < pattern.size() && pattern[end] == '!') ++end;
  if (end < pattern.size() && pattern[end] == ']') ++end;  // one that comes first is a member
  end = pattern.find(']', end);
  return end == std::string_view::npos ? 0 : end + 1;
}

bool bracket_has(std::string_view bracket, unsigned char c) {
  std::string_view members = bracket.substr(1, bracket.size() - 2);
  const bool negated = members.starts_with('!');
  if (negated) members.remove_prefix(1);
  bool found = false;
  while (!members.empty()) {
    const auto low = static_cast<unsigned char>(members[0]);
    const bool range = members.size() >= 3 && members[1] == '-';
    const auto high = static_cast<unsigned char>(members[range ? 2 : 0]);
    found = found || (low <= c && c <= high);
    members.remove_prefix(range ? 3 : 1);
  }
  return found != negated;
}

/// Takes one element off `pattern` if it fits `c`. Behind `last_end` there is no `]` to look for.
bool take_one(std::string_view& pattern, char c, const char* last_end) {
  if (pattern.empty()) return false;
  const bool opens = pattern[0] == '[' && pattern.data() < last_end;
  const std::size_t bracket = opens ? bracket_length(pattern) : 0;
  if (bracket != 0) {
    if (!bracket_has(pattern.substr(0, bracket), static_cast<unsigned char>(c))) return false;
  } else if (pattern[0] != '?' && pattern[0] != c) {
    return false;
  }
  pattern.remove_prefix(std::max<std::size_t>(bracket, 1));
  return true;
}

}  // namespace

bool matches(std::string_view pattern, std::string_view name) {
  // Where to go on when the way taken since the last `*` fails: only that one need grow.
  std::string_view after_star, rest_of_name;
  bool star = false;
  const char* const last_end = pattern.data() + (pattern.rfind(']') + 1);
  while (!name.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      star = true;
      after_star = pattern;
      rest_of_name = name;
    } else if (take_one(pattern, name[0], last_end)) {
      name.remove_prefix(1);
    } else if (star) {
      rest_of_name.remove_prefix(1);
      name = rest_of_name;
      pattern = after_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*') == std::string_view::npos;
}

}  // namespace sluice::ftp
