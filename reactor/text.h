#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline void append_text(std::string& out, std::string_view text) {
  out += text;
}
inline void append_text(std::string& out, char letter) {
  out += letter;
}
template <std::integral Number>
  requires(!std::same_as<Number, bool>)
void append_text(std::string& out, Number number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}
/// Whatever can print itself, such as an Address.
template <class T>
  requires requires(const T& value) {
    { value.to_string() } -> std::convertible_to<std::string_view>;
  }
void append_text(std::string& out, const T& value) {
  out += value.to_string();
}

/// Puts text, characters, whole numbers and what has a to_string() behind one another.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  (append_text(out, parts), ...);
  return out;
}

/// The whole of `text` as a decimal number that fits; nothing else will do, no sign, no blank.
template <std::unsigned_integral Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace sluice
