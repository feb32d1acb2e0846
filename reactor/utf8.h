#pragma once

#include <cstddef>
#include <string_view>

namespace sluice {

struct CodePoint {
  char32_t value = 0;     ///< U+FFFD of what is not UTF-8
  std::size_t bytes = 0;  ///< of what is not UTF-8: the maximal bad part (Unicode, section 3.9)
  bool valid = false;
};

/// The code point that `text`, which is not empty, begins with (RFC 3629, section 4).
inline CodePoint first_code_point(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1, true};
  if (lead < 0xc2 || lead > 0xf4) return {0xfffd, 1, false};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  char32_t value = lead & (0x7fU >> bytes);
  // The second byte tells overlong forms, surrogates and what lies beyond U+10FFFF.
  unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  for (std::size_t i = 1; i < bytes; ++i) {
    const unsigned next = i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
    if (next < low || next > high) return {0xfffd, i, false};
    value = value << 6 | (next & 0x3f);
    low = 0x80;
    high = 0xbf;
  }
  return {value, bytes, true};
}

/// Whether `text`, less than one code point, could become one with further bytes.
inline bool is_cut_code_point(std::string_view text) {
  if (text.empty()) return false;
  const auto lead = static_cast<unsigned char>(text[0]);
  const CodePoint all = first_code_point(text);
  return !all.valid && all.bytes == text.size() && lead >= 0xc2 && lead <= 0xf4;
}

/// Whether a terminal shows it where it stands and takes it for nothing else: not so for C0, DEL
/// and C1, and for what turns the direction of text or ends a line (U+061C, U+200E, U+200F, U+2028
/// to U+202E, U+2066 to U+2069).
constexpr bool is_shown(char32_t c) {
  if (c < 0xa0) return c >= 0x20 && c < 0x7f;
  if (c == 0x61c || c == 0x200e || c == 0x200f) return false;
  return !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

}  // namespace sluice
