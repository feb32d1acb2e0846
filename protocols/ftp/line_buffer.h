#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::ftp {

/// The part of a listing's line whose length has a bound, put together on the stack: a string's own
/// appends, one for each column, would take longer than all else. What is put must fit; nothing
/// looks.
class LineBuffer {
 public:
  LineBuffer() = default;

  std::string_view text() const { return {buffer_.data(), used_}; }
  void clear() { used_ = 0; }

  void put(char c) { buffer_[used_++] = c; }
  void put(std::string_view text) {
    std::memcpy(&buffer_[used_], text.data(), text.size());
    used_ += text.size();
  }

  void put_number(std::uint64_t number) { put_right(number, 0); }
  /// Spaces before it, if it has fewer than `width` digits.
  void put_right(std::uint64_t number, std::size_t width) {
    const std::size_t digits = digits_of(number, 10);
    if (digits < width) put_spaces(width - digits);
    put_digits(number, 10, digits);
  }
  /// Spaces after it, if it has fewer than `width` digits.
  void put_left(std::uint64_t number, std::size_t width) {
    const std::size_t digits = digits_of(number, 10);
    put_digits(number, 10, digits);
    if (digits < width) put_spaces(width - digits);
  }
  void put_hex(std::uint64_t number) { put_digits(number, 16, digits_of(number, 16)); }
  void put_two(unsigned number) { put_digits(number, 10, 2); }
  void put_four(unsigned number) { put_digits(number, 10, 4); }

 private:
  static std::size_t digits_of(std::uint64_t number, unsigned base) {
    std::size_t digits = 1;
    for (; number >= base; number /= base) ++digits;
    return digits;
  }
  void put_digits(std::uint64_t number, unsigned base, std::size_t digits) {
    for (std::size_t i = used_ + digits; i > used_; number /= base) {
      buffer_[--i] = "0123456789abcdef"[number % base];
    }
    used_ += digits;
  }
  void put_spaces(std::size_t count) {
    std::memset(&buffer_[used_], ' ', count);
    used_ += count;
  }

  /// The longest line of LIST takes 78 bytes without its name, the longest of MLSD 128.
  std::array<char, 160> buffer_;
  std::size_t used_ = 0;
};

}  // namespace sluice::ftp
