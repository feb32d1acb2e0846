#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::tools {

enum class KeyKind {
  text,  ///< typed characters, as many as came in one piece
  paste,
  enter,
  tab,
  left,
  right,
  up,
  down,
  home,
  end,
  word_left,
  word_right,
  erase,        ///< backwards: Backspace
  erase_right,  ///< Delete
  erase_word,   ///< back to a blank: ^W
  erase_left_word,
  erase_right_word,
  erase_to_start,
  erase_to_end,
  yank,
  transpose,
  search,
  give_up,  ///< ^G, and ESC alone
  clear_screen,
  end_of_input,  ///< ^D
  interrupt,
  suspend,
};

struct Key {
  KeyKind kind = KeyKind::text;
  std::string text;  ///< of `text` and `paste`; free of control characters
};

/// Takes what a terminal sends apart into keys: UTF-8, the control characters, the sequences of
/// ECMA-48 and of xterm (ctlseqs, "PC-Style Function Keys" and "Bracketed Paste Mode"), each cut
/// anywhere. Sequences that mean nothing here are swallowed whole; so are mouse and focus reports.
class KeyReader {
 public:
  /// The next key; takes from `bytes` what it was made of. Without one, all has been taken.
  std::optional<Key> next(std::string_view& bytes);

  /// Whether a sequence has begun and not ended. ESC alone is a key too: only time tells.
  bool in_sequence() const { return state_ != State::ground; }
  /// Time has told: ESC stands for itself, what else has begun is dropped.
  std::optional<Key> end_sequence();

 private:
  //            ESC           [           bytes of 0x20 to 0x3f, then one to 0x7e
  //   ground ------> escape ----> csi -----------------------------------------> ground
  //                    |  '[' again: one more byte         O: ss3, the same
  //                    |  ] P X ^ _        BEL, ESC, any other control character
  //                    +-----------> text -----------------------------------> ground
  enum class State { ground, escape, csi, function, ss3, text };

  std::optional<Key> take_in_ground(std::string_view& bytes);
  std::optional<Key> take_text(std::string_view& bytes);
  std::optional<Key> take_control(unsigned char c);
  std::optional<Key> take_escaped(unsigned char c);
  std::optional<Key> take_in_sequence(std::string_view& bytes);
  std::optional<Key> take_parameter(unsigned char c);

  State state_ = State::ground;
  bool pasting_ = false;
  bool break_pasted_ = false;  // a line end in a paste, which counts once something follows
  std::string parameters_;
  std::string cut_;  // the beginning of a code point
};

}  // namespace sluice::tools
