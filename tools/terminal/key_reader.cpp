#include "tools/terminal/key_reader.h"

#include <algorithm>
#include <utility>

#include "reactor/text.h"
#include "tools/terminal/char_width.h"

namespace sluice::tools {
namespace {

constexpr unsigned char kEscape = 0x1b, kBell = 0x07, kDelete = 0x7f;
constexpr std::size_t kMaxParameters = 32;  // bytes; longer ones mean nothing to us

bool is_control(unsigned char c) {
  return c < 0x20 || c == kDelete;
}

Key key(KeyKind kind) {
  return {kind, {}};
}

/// Reports, of the mouse for one, not keys (ECMA-48, section 5.4.1).
bool is_private(std::string_view parameters) {
  return !parameters.empty() && parameters[0] >= '<';
}

/// The second number is 1 plus a bit each for Shift, Alt and Control (xterm, ctlseqs).
bool moves_by_word(std::string_view parameters) {
  const std::size_t semicolon = parameters.rfind(';');
  if (semicolon == std::string_view::npos) return false;
  const unsigned modifiers = parse_number<unsigned>(parameters.substr(semicolon + 1)).value_or(1);
  return modifiers > 0 && ((modifiers - 1) & 6U) != 0;
}

std::optional<Key> cursor_key(unsigned char final, std::string_view parameters) {
  const bool by_word = moves_by_word(parameters);
  switch (final) {
    case 'A':
      return key(KeyKind::up);
    case 'B':
      return key(KeyKind::down);
    case 'C':
      return key(by_word ? KeyKind::word_right : KeyKind::right);
    case 'D':
      return key(by_word ? KeyKind::word_left : KeyKind::left);
    case 'F':
      return key(KeyKind::end);
    case 'H':
      return key(KeyKind::home);
    case 'c':
      return key(KeyKind::word_right);  // rxvt, with Control
    case 'd':
      return key(KeyKind::word_left);
    case 'M':
      return key(KeyKind::enter);  // of the keypad
    default:
      return std::nullopt;
  }
}

std::optional<Key> single_shift_key(unsigned char final, std::string_view parameters) {
  switch (final) {
    case 'c':
      return key(KeyKind::word_right);  // rxvt, with Control
    case 'd':
      return key(KeyKind::word_left);
    case 'M':
      return key(KeyKind::enter);  // of the keypad
    default:
      return cursor_key(final, parameters);
  }
}

std::optional<Key> numbered_key(std::string_view parameters) {
  const std::string_view number = parameters.substr(0, parameters.find(';'));
  if (number == "1" || number == "7") return key(KeyKind::home);
  if (number == "4" || number == "8") return key(KeyKind::end);
  if (number != "3") return std::nullopt;
  return key(moves_by_word(parameters) ? KeyKind::erase_right_word : KeyKind::erase_right);
}

/// Without the controls of U+0080 to U+009F, whose second byte some terminals would obey.
std::string without_controls(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const CodePoint next = first_code_point(text);
    const bool control = next.valid && next.value >= 0x80 && next.value <= 0x9f;
    if (!control) clean += text.substr(0, next.bytes);
    text.remove_prefix(next.bytes);
  }
  return clean;
}

/// The bytes at its end that may yet become a code point.
std::size_t cut_at_end(std::string_view text) {
  for (std::size_t size = 1; size <= std::min<std::size_t>(3, text.size()); ++size) {
    if (is_cut_code_point(text.substr(text.size() - size))) return size;
  }
  return 0;
}

}  // namespace

std::optional<Key> KeyReader::next(std::string_view& bytes) {
  while (!bytes.empty()) {
    std::optional<Key> found =
        state_ == State::ground ? take_in_ground(bytes) : take_in_sequence(bytes);
    if (found) return found;
  }
  return std::nullopt;
}

std::optional<Key> KeyReader::take_in_ground(std::string_view& bytes) {
  const auto c = static_cast<unsigned char>(bytes[0]);
  if (!is_control(c)) return take_text(bytes);
  if (!cut_.empty()) {
    return Key{pasting_ ? KeyKind::paste : KeyKind::text, std::exchange(cut_, {})};
  }
  bytes.remove_prefix(1);
  return take_control(c);
}

std::optional<Key> KeyReader::end_sequence() {
  const State was = std::exchange(state_, State::ground);
  if (was != State::escape || pasting_) return std::nullopt;
  return key(KeyKind::give_up);
}

std::optional<Key> KeyReader::take_text(std::string_view& bytes) {
  const auto end =
      std::ranges::find_if(bytes, [](char c) { return is_control(static_cast<unsigned char>(c)); });
  const auto size = static_cast<std::size_t>(end - bytes.begin());
  std::string raw = std::exchange(cut_, {});
  raw += bytes.substr(0, size);
  bytes.remove_prefix(size);
  if (bytes.empty()) {
    const std::size_t cut = cut_at_end(raw);
    cut_ = raw.substr(raw.size() - cut);
    raw.resize(raw.size() - cut);
  }
  std::string text = without_controls(raw);
  if (text.empty()) return std::nullopt;
  if (!pasting_) return Key{KeyKind::text, std::move(text)};
  if (std::exchange(break_pasted_, false)) text.insert(0, 1, ' ');
  return Key{KeyKind::paste, std::move(text)};
}

std::optional<Key> KeyReader::take_control(unsigned char c) {
  if (c == kEscape) {
    state_ = State::escape;
    return std::nullopt;
  }
  if (pasting_) {
    if (c == '\r' || c == '\n') break_pasted_ = true;
    return c == '\t' ? std::optional(Key{KeyKind::paste, " "}) : std::nullopt;
  }
  switch (c) {
    case 'A' & 31:
      return key(KeyKind::home);
    case 'B' & 31:
      return key(KeyKind::left);
    case 'C' & 31:
      return key(KeyKind::interrupt);
    case 'D' & 31:
      return key(KeyKind::end_of_input);
    case 'E' & 31:
      return key(KeyKind::end);
    case 'F' & 31:
      return key(KeyKind::right);
    case 'G' & 31:
      return key(KeyKind::give_up);
    case '\b':
    case kDelete:
      return key(KeyKind::erase);
    case '\t':
      return key(KeyKind::tab);
    case '\n':
    case '\r':
      return key(KeyKind::enter);
    case 'K' & 31:
      return key(KeyKind::erase_to_end);
    case 'L' & 31:
      return key(KeyKind::clear_screen);
    case 'N' & 31:
      return key(KeyKind::down);
    case 'P' & 31:
      return key(KeyKind::up);
    case 'R' & 31:
      return key(KeyKind::search);
    case 'T' & 31:
      return key(KeyKind::transpose);
    case 'U' & 31:
      return key(KeyKind::erase_to_start);
    case 'W' & 31:
      return key(KeyKind::erase_word);
    case 'Y' & 31:
      return key(KeyKind::yank);
    case 'Z' & 31:
      return key(KeyKind::suspend);
    default:
      return std::nullopt;
  }
}

std::optional<Key> KeyReader::take_in_sequence(std::string_view& bytes) {
  const auto c = static_cast<unsigned char>(bytes[0]);
  const bool backwards = state_ == State::escape && (c == kDelete || c == '\b');
  const bool goes_on = state_ == State::text ? !is_control(c) : !is_control(c) && c < 0x80;
  if (!goes_on && !backwards) {
    // Cut off; what cut it off stands for itself, but for the BEL that ends a text.
    if (state_ == State::text && c == kBell) bytes.remove_prefix(1);
    return end_sequence();
  }
  bytes.remove_prefix(1);
  switch (state_) {
    case State::escape:
      return take_escaped(c);
    case State::function:
      state_ = State::ground;
      return std::nullopt;
    case State::text:
      return std::nullopt;
    default:
      return take_parameter(c);
  }
}

std::optional<Key> KeyReader::take_parameter(unsigned char c) {
  // The console of Linux sends two brackets and a letter, rxvt ends with a dollar sign.
  if (state_ == State::csi && c == '[' && parameters_.empty()) {
    state_ = State::function;
    return std::nullopt;
  }
  if (c < 0x40 && !(c == '$' && !parameters_.empty())) {
    if (parameters_.size() < kMaxParameters) parameters_ += static_cast<char>(c);
    return std::nullopt;
  }
  const State was = std::exchange(state_, State::ground);
  const bool numbered = was == State::csi && c == '~';
  if (numbered && parameters_ == "200") {
    pasting_ = true;
    break_pasted_ = false;
  } else if (numbered && parameters_ == "201") {
    pasting_ = false;
  } else if (!pasting_ && numbered) {
    return numbered_key(parameters_);
  } else if (!pasting_ && !is_private(parameters_)) {
    return was == State::ss3 ? single_shift_key(c, parameters_) : cursor_key(c, parameters_);
  }
  return std::nullopt;
}

std::optional<Key> KeyReader::take_escaped(unsigned char c) {
  state_ = State::ground;
  parameters_.clear();
  switch (c) {
    case '[':
      state_ = State::csi;
      return std::nullopt;
    case 'O':
      state_ = State::ss3;
      return std::nullopt;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
      state_ = State::text;
      return std::nullopt;
    default:
      break;
  }
  if (pasting_) return std::nullopt;
  switch (c) {
    case '\b':
    case kDelete:
      return key(KeyKind::erase_left_word);
    case 'b':
      return key(KeyKind::word_left);
    case 'f':
      return key(KeyKind::word_right);
    case 'd':
      return key(KeyKind::erase_right_word);
    default:
      return std::nullopt;
  }
}

}  // namespace sluice::tools
