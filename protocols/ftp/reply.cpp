#include "protocols/ftp/reply.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "reactor/text.h"

namespace sluice::ftp {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

bool is_control(char letter) {
  return static_cast<unsigned char>(letter) < 0x20 || letter == '\x7f';
}

/// Most names hold none, which is found out eight bytes at a time.
bool has_control(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  while (text.size() >= 8) {
    std::uint64_t bytes;
    std::memcpy(&bytes, text.data(), 8);
    // A byte below 0x20 borrows when 0x20 is taken from it; one of 0x7f is 0 when crossed with it.
    const std::uint64_t deletes = bytes ^ kOnes * 0x7f;
    const std::uint64_t found = ((bytes - kOnes * 0x20) & ~bytes) | ((deletes - kOnes) & ~deletes);
    if ((found & kHigh) != 0) return std::ranges::any_of(text, is_control);
    text.remove_prefix(8);
  }
  return std::ranges::any_of(text, is_control);
}

void append_line(std::string& out, int code, char mark, std::string_view text) {
  out += concat(code, mark);
  append_safe_name(out, text);
  out += kLineEnd;
}

}  // namespace

std::string safe_name(std::string_view name) {
  std::string out;
  append_safe_name(out, name);
  return out;
}

void append_safe_name(std::string& out, std::string_view name) {
  const std::size_t begin = out.size();
  out += name;
  if (!has_control(name)) return;
  std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), is_control, '?');
}

std::string quoted(std::string_view path) {
  std::string out = "\"";
  for (const char letter : path) {
    if (letter == '"') out += '"';
    out += is_control(letter) ? '?' : letter;
  }
  out += '"';
  return out;
}

std::string reply(int code, std::string_view text) {
  std::string out;
  append_line(out, code, ' ', text);
  return out;
}

std::string multi_line(int code, std::string_view first, std::string_view lines,
                       std::string_view last) {
  std::string out;
  append_line(out, code, '-', first);
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    out += ' ';
    append_safe_name(out, lines.substr(0, end));
    out += kLineEnd;
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  append_line(out, code, ' ', last);
  return out;
}

}  // namespace sluice::ftp
