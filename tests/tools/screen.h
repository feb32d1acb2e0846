#pragma once

#include <criterion/criterion.h>

#include <string>
#include <string_view>
#include <vector>

#include "tools/terminal/char_width.h"

namespace sluice::tools {

/// What a terminal shows of the bytes that a LineEditor sends: it knows these sequences and fails
/// the test at any other. It wraps as xterm does: at the last column it waits for what follows.
class Screen {
 public:
  Screen(std::size_t columns, std::size_t rows) : columns_(columns), rows_(rows) { clear(); }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const CodePoint next = first_code_point(bytes);
      cr_assert(next.valid, "what is not UTF-8 was sent");
      if (next.value == 0x1b) {
        obey(bytes);
        continue;
      }
      if (next.value == '\r') {
        column_ = 0;
        waits_ = false;
      } else if (next.value == '\n') {
        waits_ = false;
        down();
      } else {
        cr_assert(is_shown(next.value), "U+%04x was sent", static_cast<unsigned>(next.value));
        put(bytes.substr(0, next.bytes), columns_of(next.value));
      }
      bytes.remove_prefix(next.bytes);
    }
  }

  /// Without blanks at its end; the second half of a wide character is none.
  std::string row(std::size_t number) const {
    std::string text;
    for (const std::string& cell : cells_[number]) text += cell;
    return text.substr(0, text.find_last_not_of(' ') + 1);
  }
  std::vector<std::string> text() const {
    std::vector<std::string> all;
    all.reserve(rows_);
    for (std::size_t i = 0; i < rows_; ++i) all.push_back(row(i));
    return all;
  }
  std::size_t cursor_row() const { return row_; }
  std::size_t cursor_column() const { return column_; }
  bool waits() const { return waits_; }
  /// Rows that have left at the top.
  std::size_t scrolled() const { return scrolled_; }

 private:
  void clear() { cells_.assign(rows_, blank()); }
  std::vector<std::string> blank() const { return std::vector<std::string>(columns_, " "); }

  void down() {
    if (++row_ < rows_) return;
    row_ = rows_ - 1;
    cells_.erase(cells_.begin());
    cells_.push_back(blank());
    ++scrolled_;
  }

  void wrap() {
    column_ = 0;
    waits_ = false;
    down();
  }

  void put(std::string_view character, std::size_t width) {
    std::vector<std::string>* line = &cells_[row_];
    if (width == 0) {
      std::size_t at = waits_ ? column_ : column_ - 1;
      if ((*line)[at].empty()) --at;
      (*line)[at] += character;
      return;
    }
    cr_assert(width <= columns_);
    if (waits_ || column_ + width > columns_) wrap();
    line = &cells_[row_];
    for (std::size_t i = column_; i < column_ + width; ++i) split(*line, i);
    (*line)[column_] = character;
    if (width == 2) (*line)[column_ + 1].clear();
    column_ += width;
    waits_ = column_ == columns_;
    if (waits_) --column_;
  }

  /// Half of a wide character that is written over leaves a blank.
  void split(std::vector<std::string>& line, std::size_t at) {
    if (line[at].empty()) line[at - 1] = " ";
    if (at + 1 < columns_ && line[at + 1].empty()) line[at + 1] = " ";
    line[at] = " ";
  }

  void obey(std::string_view& bytes) {
    const std::size_t end = bytes.find_first_not_of("0123456789", 2);
    cr_assert(bytes.starts_with("\x1b[") && end != std::string_view::npos, "an odd sequence");
    const std::string number(bytes.substr(2, end - 2));
    const std::size_t count = number.empty() ? 1 : std::stoul(number);
    const char final = bytes[end];
    bytes.remove_prefix(end + 1);
    if (final == 'm') {
      cr_assert(number == "7" || number == "27");
      return;
    }
    // No terminal agrees with another on what these do while it waits.
    cr_assert(!waits_ || final == 'H', "%c while the cursor waits at the edge", final);
    switch (final) {
      case 'A':
        row_ -= std::min(row_, count);
        return;
      case 'B':
        row_ = std::min(row_ + count, rows_ - 1);
        return;
      case 'C':
        column_ = std::min(column_ + count, columns_ - 1);
        return;
      case 'H':
        cr_assert(number.empty());
        row_ = column_ = 0;
        waits_ = false;
        return;
      case 'K':
        clear_to_edge();
        return;
      case 'J':
        cr_assert(number.empty() || number == "2");
        if (!number.empty()) return clear();
        clear_to_edge();
        for (std::size_t i = row_ + 1; i < rows_; ++i) cells_[i] = blank();
        return;
      default:
        cr_assert_fail("CSI %s%c is not known", number.c_str(), final);
    }
  }

  void clear_to_edge() {
    for (std::size_t i = column_; i < columns_; ++i) split(cells_[row_], i);
  }

  std::size_t columns_, rows_;
  std::vector<std::vector<std::string>> cells_;
  std::size_t row_ = 0, column_ = 0;
  bool waits_ = false;
  std::size_t scrolled_ = 0;
};

}  // namespace sluice::tools
