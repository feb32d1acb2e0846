#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "reactor/pack_format.h"

/// One field of pack.h: what may be put into it, and how its bytes are written and read.
namespace sluice::struct_format {

template <class U, class... Others>
concept NoneOf = (!std::same_as<U, Others> && ...);

/// Numbers, as std::in_range takes them: neither bool nor a character type.
template <class U>
concept Integer = std::integral<U> && NoneOf<U, bool, char, wchar_t, char8_t, char16_t, char32_t>;

template <class U, class T>
concept AlwaysFits = std::in_range<T>(std::numeric_limits<U>::min()) &&
                     std::in_range<T>(std::numeric_limits<U>::max());

/// Not constexpr, so that the compiler stops at it and shows its name.
inline void the_number_does_not_fit_its_field() {}

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A value on its way into a field. A number whose type might not fit has to be a constant.
template <class T>
struct Field {
  T value;

  template <Integer U>
    requires AlwaysFits<U, T>
  constexpr Field(U number) : value(number) {}

  template <Integer U>
    requires(!AlwaysFits<U, T>)
  consteval Field(U number) : value(static_cast<T>(number)) {
    if (!std::in_range<T>(number)) the_number_does_not_fit_its_field();
  }
};

template <std::floating_point T>
struct Field<T> {
  T value;
  template <std::floating_point U>
  constexpr Field(U number) : value(static_cast<T>(number)) {}
};

template <>
struct Field<bool> {
  bool value;
  template <std::same_as<bool> U>
  constexpr Field(U flag) : value(flag) {}
};

template <>
struct Field<char> {
  char value;
  template <std::same_as<char> U>
  constexpr Field(U character) : value(character) {}
  constexpr Field(std::byte byte) : value(static_cast<char>(byte)) {}
};

template <>
struct Field<std::string_view> {
  std::string_view value;
  template <std::convertible_to<std::string_view> U>
  constexpr Field(const U& text) : value(text) {}
  template <std::convertible_to<std::span<const std::byte>> U>
  Field(const U& bytes) : value(as_text(bytes)) {}
};

template <class T, class U>
constexpr bool fits(const U& value) {
  if constexpr (Integer<T> && Integer<U>) return std::in_range<T>(value);
  if constexpr (std::same_as<T, float> && std::same_as<U, double>) {
    constexpr double kMax = std::numeric_limits<float>::max();
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const double size = value < 0 ? -value : value;
    return !(size > kMax) || size == kInfinity;
  }
  return true;
}

/// Of a number that fits, the number in its field's type; everything else as it is.
template <class T, class U>
constexpr decltype(auto) narrowed(const U& value) {
  if constexpr (Integer<T> && Integer<U>) {
    return static_cast<T>(value);
  } else {
    return (value);
  }
}

template <std::endian Order, class T>
constexpr void store(T value, std::span<std::byte> to) {
  if constexpr (std::same_as<T, std::string_view>) {
    const std::size_t size = std::min(value.size(), to.size());
    for (std::size_t i = 0; i < size; ++i) to[i] = static_cast<std::byte>(value[i]);
  } else {
    auto bits = std::bit_cast<IntegerOf<sizeof(T), false>>(value);
    if constexpr (Order != std::endian::native) bits = std::byteswap(bits);
    std::ranges::copy(std::bit_cast<std::array<std::byte, sizeof(T)>>(bits), to.begin());
  }
}

template <class T, std::endian Order>
constexpr T load(std::span<const std::byte> from) {
  if constexpr (std::same_as<T, std::string_view>) {
    return as_text(from);
  } else if constexpr (std::same_as<T, bool>) {
    return from[0] != std::byte{0};
  } else {
    std::array<std::byte, sizeof(T)> bytes{};
    std::ranges::copy(from, bytes.begin());
    auto bits = std::bit_cast<IntegerOf<sizeof(T), false>>(bytes);
    if constexpr (Order != std::endian::native) bits = std::byteswap(bits);
    return std::bit_cast<T>(bits);
  }
}

}  // namespace sluice::struct_format
