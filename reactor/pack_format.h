#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

/// What a struct format of pack.h means: which fields, where, of which type. All of it is worked
/// out while compiling, and nothing of it is in the program.
namespace sluice::struct_format {

static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big,
              "pack knows the two byte orders in use");

enum class Problem { none, unknown_code, native_only, count_without_code, too_large };

/// A field that holds a value. `size` is in bytes: for `s` its count.
struct Item {
  char code = 0;
  std::size_t offset = 0;
  std::size_t size = 0;
};

/// A code and its sizes: what the C compiler gives its type, and what `=`, `<`, `>` and `!` give
/// it.
struct Code {
  char code;
  std::size_t native_size;
  std::size_t native_alignment;
  std::size_t standard_size;  // 0: only with `@`
};

inline constexpr Code kCodes[] = {
    {'x', 1, 1, 1},
    {'c', 1, 1, 1},
    {'b', 1, 1, 1},
    {'B', 1, 1, 1},
    {'s', 1, 1, 1},
    {'?', sizeof(bool), alignof(bool), 1},
    {'h', sizeof(short), alignof(short), 2},
    {'H', sizeof(short), alignof(short), 2},
    {'i', sizeof(int), alignof(int), 4},
    {'I', sizeof(int), alignof(int), 4},
    {'l', sizeof(long), alignof(long), 4},
    {'L', sizeof(long), alignof(long), 4},
    {'q', sizeof(long long), alignof(long long), 8},
    {'Q', sizeof(long long), alignof(long long), 8},
    {'n', sizeof(std::size_t), alignof(std::size_t), 0},
    {'N', sizeof(std::size_t), alignof(std::size_t), 0},
    {'f', sizeof(float), alignof(float), 4},
    {'d', sizeof(double), alignof(double), 8},
};

/// No format comes near; keeps a slip of the finger from becoming an array of gigabytes.
inline constexpr std::size_t kLargest = 1 << 20;

/// The code 0 when there is none such.
constexpr Code find_code(char code) {
  for (const Code& each : kCodes)
    if (each.code == code) return each;
  return {};
}

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

constexpr bool has_order(std::string_view text) {
  return !text.empty() && std::string_view("@=<>!").find(text[0]) != text.npos;
}

/// Native sizes and alignment: `@`, or no sign of order at all.
constexpr bool is_native(std::string_view text) {
  return !has_order(text) || text[0] == '@';
}

constexpr std::endian order(std::string_view text) {
  if (is_native(text) || text[0] == '=') return std::endian::native;
  return text[0] == '<' ? std::endian::little : std::endian::big;
}

/// Calls visit(Item) for every value in its order, and leaves the whole size in `size`.
template <class Visit>
constexpr Problem walk(std::string_view text, std::size_t& size, Visit visit) {
  const bool native = is_native(text);
  size = 0;
  std::size_t at = has_order(text) ? 1 : 0;
  while (at < text.size()) {
    if (is_space(text[at])) {
      ++at;
      continue;
    }
    std::size_t count = is_digit(text[at]) ? 0 : 1;
    for (; at < text.size() && is_digit(text[at]); ++at) {
      count = count * 10 + static_cast<std::size_t>(text[at] - '0');
      if (count > kLargest) return Problem::too_large;
    }
    if (at == text.size() || is_space(text[at])) return Problem::count_without_code;
    const Code code = find_code(text[at++]);
    if (code.code == 0) return Problem::unknown_code;
    const std::size_t bytes = native ? code.native_size : code.standard_size;
    if (bytes == 0) return Problem::native_only;
    // As in Python, a count of 0 still aligns: `3xi0q` ends where a long long could begin.
    const std::size_t alignment = native ? code.native_alignment : 1;
    size = (size + alignment - 1) / alignment * alignment;
    if (code.code == 's') visit(Item{'s', size, count});
    for (std::size_t i = 0; code.code != 's' && code.code != 'x' && i < count; ++i)
      visit(Item{code.code, size + i * bytes, bytes});
    size += count * bytes;
    if (size > kLargest) return Problem::too_large;
  }
  return Problem::none;
}

constexpr Problem problem(std::string_view text) {
  std::size_t size = 0;
  return walk(text, size, [](Item) {});
}

template <bool Signed, class S, class U>
using Pick = std::conditional_t<Signed, S, U>;

template <std::size_t Size, bool S>
using IntegerOf = std::conditional_t<
    Size == 1, Pick<S, std::int8_t, std::uint8_t>,
    std::conditional_t<Size == 2, Pick<S, std::int16_t, std::uint16_t>,
                       std::conditional_t<Size == 4, Pick<S, std::int32_t, std::uint32_t>,
                                          Pick<S, std::int64_t, std::uint64_t>>>>;

/// The type of a field's value.
template <char Code, std::size_t Size>
struct ValueOf {
  using type = IntegerOf<Size, (Code >= 'a')>;  // as their capitals are the unsigned ones
};
// clang-format off
template <std::size_t Size> struct ValueOf<'c', Size> { using type = char; };
template <std::size_t Size> struct ValueOf<'?', Size> { using type = bool; };
template <std::size_t Size> struct ValueOf<'f', Size> { using type = float; };
template <std::size_t Size> struct ValueOf<'d', Size> { using type = double; };
template <std::size_t Size> struct ValueOf<'s', Size> { using type = std::string_view; };
// clang-format on

}  // namespace sluice::struct_format
