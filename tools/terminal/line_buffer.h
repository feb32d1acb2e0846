#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::tools {

/// The line that is edited, and the cursor in it: a byte where a cluster begins, or the end.
/// What a person sees as one character moves and goes as one.
class LineBuffer {
 public:
  /// Of a line; what is over is not taken in.
  static constexpr std::size_t kMaxBytes = 64 * 1024;

  const std::string& text() const { return text_; }
  std::size_t cursor() const { return cursor_; }
  std::string_view before_cursor() const { return std::string_view(text_).substr(0, cursor_); }

  void set(std::string text) { set(std::move(text), kMaxBytes); }
  /// With the cursor at the first cluster that begins at `cursor` or after it.
  void set(std::string text, std::size_t cursor);
  void insert(std::string_view text);
  /// Puts `text` in place of what lies between `from` and the cursor.
  void replace_before_cursor(std::size_t from, std::string_view text);

  void left() { cursor_ = left_of(cursor_); }
  void right() { cursor_ = right_of(cursor_); }
  void home() { cursor_ = 0; }
  void end() { cursor_ = text_.size(); }
  void word_left() { cursor_ = word_left_of(cursor_); }
  void word_right() { cursor_ = word_right_of(cursor_); }

  void erase_left() { (void)cut(left_of(cursor_), cursor_); }
  void erase_right() { (void)cut(cursor_, right_of(cursor_)); }
  /// These return what they took out.
  std::string cut_word_left() { return cut(word_left_of(cursor_), cursor_); }
  std::string cut_word_right() { return cut(cursor_, word_right_of(cursor_)); }
  std::string cut_to_blank();
  std::string cut_to_start() { return cut(0, cursor_); }
  std::string cut_to_end() { return cut(cursor_, text_.size()); }

  /// Exchanges the two clusters at the cursor, at the end of the line the two before it.
  void transpose();

 private:
  std::size_t left_of(std::size_t place) const;
  std::size_t right_of(std::size_t place) const;
  std::size_t run_before(std::size_t place, bool (*belongs)(char)) const;
  std::size_t word_left_of(std::size_t place) const;
  std::size_t word_right_of(std::size_t place) const;
  std::string cut(std::size_t from, std::size_t to);
  void settle();

  std::string text_;
  std::size_t cursor_ = 0;
};

}  // namespace sluice::tools
