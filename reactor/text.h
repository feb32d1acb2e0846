#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
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

/// A number with zeros before it, where it has fewer digits than `width` (at most 20).
struct ZeroPadded {
  std::uint64_t number;
  std::size_t width;
};

/// A number with `digits` behind the point (at most 18), which is a point in every locale:
/// {-1234, 2} is -12.34. Without printf, which takes longer than all else about a small transfer.
struct Decimal {
  std::int64_t parts;
  std::size_t digits;
  /// Rounded; |number| must be below 10^(18 - digits).
  static Decimal of(double number, std::size_t digits);
};

/// What concat() is given, as text: a view of it, or digits of its own. It lives for one call.
class TextPart {
 public:
  template <std::convertible_to<std::string_view> Text>
  TextPart(const Text& text) : text_(text) {}
  TextPart(char letter) : text_(own_, 1) { own_[0] = letter; }
  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  TextPart(Number number)
      : TextPart(number < 0 ? 0 - static_cast<std::uint64_t>(number) : number, number < 0, 1) {}
  TextPart(ZeroPadded padded) : TextPart(padded.number, false, padded.width) {}
  TextPart(Decimal decimal);
  TextPart(const TextPart&) = delete;
  TextPart& operator=(const TextPart&) = delete;

  std::string_view text() const { return text_; }

 private:
  TextPart(std::uint64_t number, bool minus, std::size_t width);

  std::string_view text_;
  char own_[22];  // of the largest number, with a sign and a point
};

template <class T>
const T& printed(const T& part) {
  return part;  // NOLINT(bugprone-return-const-ref-from-parameter): concat()'s own parameters
}
/// Whatever can print itself, such as an Address.
template <class T>
  requires requires(const T& value) {
    { value.to_string() } -> std::convertible_to<std::string_view>;
  }
auto printed(const T& part) {
  return part.to_string();
}

std::string join(std::initializer_list<TextPart> parts);

/// Puts text, characters, whole numbers and what has a to_string() behind one another.
template <class... Parts>
std::string concat(const Parts&... parts) {
  return join({TextPart(printed(parts))...});
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
