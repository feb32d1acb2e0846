#include "protocols/files/name.h"

#include <algorithm>

namespace sluice::files {
namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

Result<void> check_component(std::string_view name) {
  if (name.empty()) return fail("the name is empty", EINVAL);
  if (name == "." || name == "..") return fail("the name is . or ..", EINVAL);
  if (name.find('/') != name.npos) return fail("the name has a / in it", EINVAL);
  if (name.find('\0') != name.npos) return fail("the name has a NUL in it", EINVAL);
  if (name.size() > kMaxName) return fail("the name is over 255 bytes long", ENAMETOOLONG);
  return {};
}

Result<void> check_name(std::string_view name, bool allow_hidden) {
  if (auto component = check_component(name); !component) return component;
  // POSIX lets a newline or an escape into a name, but the name ends up in logs and scripts, one a
  // line, and on the terminals of people who list the directory.
  if (std::any_of(name.begin(), name.end(), is_control)) {
    return fail("the name has a control character in it", EINVAL);
  }
  if (name[0] == '.' && !allow_hidden) return fail("the name begins with a dot", EINVAL);
  if (is_temporary_name(name)) return fail("the name is kept for unfinished files", EINVAL);
  return {};
}

bool is_temporary_name(std::string_view name) {
  constexpr std::string_view kStart = ".sluice-", kEnd = ".part";
  if (!name.starts_with(kStart) || !name.ends_with(kEnd)) return false;
  if (name.size() < kStart.size() + kEnd.size()) return false;
  const std::string_view digits =
      name.substr(kStart.size(), name.size() - kStart.size() - kEnd.size());
  return (digits.size() == 16 || digits.size() == 32) &&
         std::all_of(digits.begin(), digits.end(), is_hex_digit);
}

}  // namespace sluice::files
