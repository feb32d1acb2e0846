#include "protocols/files/name.h"

#include <algorithm>
#include <cstdint>

namespace sluice::files {
namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  // 0: what stands there is not UTF-8
};

/// The code point that `text`, which is not empty, begins with (RFC 3629, section 4).
CodePoint first_code_point(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  char32_t value = lead & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return {};
    value = value << 6 | (next & 0x3f);
  }
  const bool overlong = (bytes == 3 && value < 0x800) || (bytes == 4 && value < 0x10000);
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (overlong || surrogate || value > 0x10ffff) return {};
  return {value, bytes};
}

bool is_safe_to_show(char32_t c) {
  if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) return false;
  if (c == 0x61c || c == 0x200e || c == 0x200f) return false;
  return !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
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

std::string printable(std::string_view text) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const CodePoint next = first_code_point(text);
    const std::string_view bytes = text.substr(0, std::max<std::size_t>(next.bytes, 1));
    text.remove_prefix(bytes.size());
    if (next.bytes > 0 && is_safe_to_show(next.value)) {
      shown += bytes;
      continue;
    }
    for (const char c : bytes) {
      const auto byte = static_cast<unsigned char>(c);
      shown += "\\x";
      shown += kDigits[byte >> 4];
      shown += kDigits[byte & 15];
    }
  }
  return shown;
}

}  // namespace sluice::files
