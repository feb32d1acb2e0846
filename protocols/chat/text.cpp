#include "protocols/chat/text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "reactor/utf8.h"

namespace sluice::chat {
namespace {

constexpr char32_t kCancel = 0x18, kSubstitute = 0x1a, kEscape = 0x1b, kDelete = 0x7f;
constexpr char32_t kDcs = 0x90, kSos = 0x98, kCsi = 0x9b, kOsc = 0x9d, kPm = 0x9e, kApc = 0x9f;

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// --- telnet --------------------------------------------------------------------------------------

namespace telnet {

constexpr unsigned char kIac = 0xff, kSe = 0xf0, kSb = 0xfa, kWill = 0xfb;

/// Where the data of an option end, which begin at `at`: behind IAC SE.
std::size_t data_end(std::string_view text, std::size_t at) {
  for (;;) {
    at = text.find('\xff', at);
    if (at == text.npos || at + 2 > text.size()) return text.size();
    at += 2;
    if (byte_at(text, at - 1) == kSe) return at;
  }
}

/// Where the command at the IAC `at` ends; `at` itself when that is none but a byte of text.
std::size_t command_end(std::string_view text, std::size_t at) {
  if (at + 1 == text.size()) return at + 1;
  const unsigned char command = byte_at(text, at + 1);
  if (command < kSe || command == kIac) return at;
  if (command == kSb) return data_end(text, at + 2);
  return std::min(at + (command >= kWill ? 3 : 2), text.size());
}

/// An IAC that is text remains, once: it is no UTF-8, and cannot be taken for another.
std::string without_commands(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t iac = std::min(text.find('\xff', at), text.size());
    out += text.substr(at, iac - at);
    if (iac == text.size()) break;
    at = command_end(text, iac);
    if (at != iac) continue;
    out += '\xff';
    at += iac + 1 < text.size() && byte_at(text, iac + 1) == kIac ? 2 : 1;
  }
  return out;
}

}  // namespace telnet

// --- escape sequences ----------------------------------------------------------------------------

/// Controls within a sequence do not end it: a terminal heeds them and goes on with the sequence.
std::size_t past_controls(std::string_view text, std::size_t at) {
  for (; at < text.size(); ++at) {
    const unsigned char c = byte_at(text, at);
    const bool passes = c < 0x20 && c != kEscape && c != kCancel && c != kSubstitute;
    if (!passes && c != kDelete) break;
  }
  return at;
}

/// Past bytes from `first` to 0x3f, and one from `final` to 0x7e if there is one (ECMA-48, section
/// 5.4; ECMA-35, section 13.2). `at` is where they begin.
std::size_t sequence_end(std::string_view text, std::size_t at, unsigned char last_inner,
                         unsigned char first_final) {
  for (;;) {
    at = past_controls(text, at);
    if (at == text.size()) return at;
    const unsigned char c = byte_at(text, at);
    if (c >= first_final && c <= 0x7e) return at + 1;
    if (c < 0x20 || c > last_inner) return at;
    ++at;
  }
}

/// Where a string for the terminal ends that begins at `at`: behind ST, or BEL if `bell` may stand
/// for it; before CAN, SUB, or the ESC of another sequence, which give it up.
std::size_t string_end(std::string_view text, std::size_t at, bool bell) {
  for (; at < text.size(); ++at) {
    const unsigned char c = byte_at(text, at);
    const std::string_view rest = text.substr(at, 2);
    if (bell && c == '\a') return at + 1;
    if (rest == "\x1b\\" || rest == "\xc2\x9c") return at + 2;
    if (c == kCancel || c == kSubstitute || c == kEscape) return at;
  }
  return at;
}

/// Where the sequence ends that a C1 control opens (ECMA-48, section 8.3); `at` is behind it. The
/// others stand alone.
std::size_t c1_end(std::string_view text, std::size_t at, char32_t control) {
  switch (control) {
    case kCsi:
      return sequence_end(text, at, 0x3f, 0x40);
    case kOsc:
      return string_end(text, at, true);
    case kDcs:
    case kSos:
    case kPm:
    case kApc:
      return string_end(text, at, false);
    default:
      return at;
  }
}

std::size_t escape_end(std::string_view text, std::size_t at) {
  at = past_controls(text, at);
  if (at == text.size()) return at;
  const unsigned char c = byte_at(text, at);
  if (c >= 0x40 && c < 0x60) return c1_end(text, at + 1, c + 0x40U);
  return sequence_end(text, at, 0x2f, 0x30);
}

// --- the rest ------------------------------------------------------------------------------------

/// Of bytes from 0x20 to 0x7e, which pass as they are, the number up to another one. Eight at once:
/// the three terms set the top bit of a byte that is 0x7f, below 0x20, or above 0x7f. A carry may
/// spoil only what stands above a byte that is found anyway.
std::size_t plain_length(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, text.data() + at, 8);
    if (((eight + kOnes) | (eight - kOnes * 0x20) | eight) & (kOnes * 0x80)) break;
  }
  while (at < text.size() && text[at] >= 0x20 && text[at] < 0x7f) ++at;
  return at;
}

/// Where what may be shown ends that begins at `at`.
std::size_t shown_end(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const unsigned char c = byte_at(text, at);
    if (c < 0x80) {
      const std::size_t plain = c == '\t' ? 1 : plain_length(text.substr(at));
      if (plain == 0) break;
      at += plain;
    } else {
      const CodePoint next = first_code_point(text.substr(at));
      if (!next.valid || !is_shown(next.value)) break;
      at += next.bytes;
    }
  }
  return at;
}

void append_shown(std::string& out, std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = shown_end(text, at);
    out += text.substr(at, end - at);
    if (end == text.size()) return;
    const CodePoint next = first_code_point(text.substr(end));
    if (!next.valid) out += "\uFFFD";
    at = end + next.bytes;
    at = next.value == kEscape ? escape_end(text, at) : c1_end(text, at, next.value);
  }
}

}  // namespace

void append_clean(std::string& out, std::string_view message) {
  if (message.find('\xff') == message.npos) {
    append_shown(out, message);
  } else {
    append_shown(out, telnet::without_commands(message));
  }
}

}  // namespace sluice::chat
