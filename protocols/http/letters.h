#pragma once

#include <algorithm>
#include <string>
#include <string_view>

/// Letters as HTTP has them: ASCII whatever the locale.
namespace sluice::http {

constexpr bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

constexpr bool is_alpha(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
}

/// Of the names of methods and headers (RFC 9110, section 5.6.2).
constexpr bool is_token(std::string_view text) {
  const auto belongs = [](char letter) {
    return is_digit(letter) || is_alpha(letter) ||
           std::string_view("!#$%&'*+-.^_`|~").contains(letter);
  };
  return !text.empty() && std::ranges::all_of(text, belongs);
}

constexpr char lowered(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

inline std::string lowered(std::string_view text) {
  std::string low(text);
  for (char& letter : low) letter = lowered(letter);
  return low;
}

/// Without the blanks and tabs around it.
constexpr std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

}  // namespace sluice::http
