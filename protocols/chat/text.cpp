#include "protocols/chat/text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "reactor/utf8.h"

namespace sluice::chat {
namespace {

constexpr char kEscape = 0x1b;

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// --- telnet --------------------------------------------------------------------------------------

namespace telnet {

constexpr unsigned char kIac = 0xff, kSe = 0xf0, kSb = 0xfa, kWill = 0xfb, kDo = 0xfd;

/// Whether a client says this of itself. Of the options from 32 on, which look like letters, it
/// offers some (terminal speed, environment …) and refuses none, as nobody asks it for them.
bool is_said(unsigned char verb, unsigned char option) {
  return option < 0x20 || (option < 0x28 && (verb == kWill || verb == kDo));
}

/// Where the data of an option end, which begin at `at`: behind IAC SE; npos when they do not.
std::size_t data_end(std::string_view text, std::size_t at) {
  for (;;) {
    at = text.find('\xff', at);
    if (at == text.npos || at + 2 > text.size()) return text.npos;
    at += 2;
    if (byte_at(text, at - 1) == kSe) return at;
  }
}

/// Where the command at the IAC `at` ends; npos when there is none, or not all of it.
std::size_t command_end(std::string_view text, std::size_t at) {
  if (at + 1 == text.size()) return text.npos;
  const unsigned char command = byte_at(text, at + 1);
  if (command < kSe || command == kIac) return text.npos;
  if (command == kSb) return data_end(text, at + 2);
  if (command < kSb) return at + 2;
  return at + 2 < text.size() && is_said(command, byte_at(text, at + 2)) ? at + 3 : text.npos;
}

/// An IAC of no command remains: it is no UTF-8, and cannot be taken for another.
std::string without_commands(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t iac = std::min(text.find('\xff', at), text.size());
    out += text.substr(at, iac - at);
    if (iac == text.size()) break;
    at = command_end(text, iac);
    if (at != text.npos) continue;
    out += '\xff';
    at = iac + 1;
  }
  return out;
}

}  // namespace telnet

// --- escape sequences ----------------------------------------------------------------------------

/// Past bytes from 0x20 to `last_inner`, and one from `first_final` to 0x7e (ECMA-48, section 5.4;
/// ECMA-35, section 13.2); npos when that does not come. `at` is where they begin.
std::size_t sequence_end(std::string_view text, std::size_t at, unsigned char last_inner,
                         unsigned char first_final) {
  while (at < text.size() && byte_at(text, at) >= 0x20 && byte_at(text, at) <= last_inner) ++at;
  if (at == text.size() || byte_at(text, at) < first_final || byte_at(text, at) > 0x7e) {
    return text.npos;
  }
  return at + 1;
}

/// Where a string for the terminal ends that begins at `at`: behind ST, or BEL if `bell` may stand
/// for it; npos when it does not end before another control does.
std::size_t string_end(std::string_view text, std::size_t at, bool bell) {
  for (; at < text.size(); ++at) {
    const std::string_view rest = text.substr(at, 2);
    if (bell && rest.front() == '\a') return at + 1;
    if (rest == "\x1b\\" || rest == "\xc2\x9c") return at + 2;
    if (rest.front() == kEscape) break;
  }
  return text.npos;
}

/// Where the sequence ends whose ESC stands before `at`: CSI, OSC, DCS, SOS, PM, APC, or one with
/// bytes between (ESC ( B). `at` itself when it is none of these or not whole: then just the ESC is
/// taken out, without which the rest is harmless.
std::size_t escape_end(std::string_view text, std::size_t at) {
  if (at == text.size()) return at;
  const char kind = text[at];
  std::size_t end = text.npos;
  if (kind == '[') {
    end = sequence_end(text, at + 1, 0x3f, 0x40);
  } else if (std::string_view("]PX^_").contains(kind)) {
    end = string_end(text, at + 1, kind == ']');
  } else if (kind >= 0x20 && kind <= 0x2f) {
    end = sequence_end(text, at, 0x2f, 0x30);
  }
  return end == text.npos ? at : end;
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
    if (text[end] == kEscape) at = escape_end(text, at);
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
