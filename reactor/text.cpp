#include "reactor/text.h"

#include <algorithm>
#include <cmath>

namespace sluice {

namespace {

std::uint64_t magnitude(std::int64_t number) {
  return number < 0 ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
}

}  // namespace

Decimal Decimal::of(double number, std::size_t digits) {
  for (std::size_t i = 0; i < digits; ++i) number *= 10;
  return {std::llround(number), digits};
}

TextPart::TextPart(std::uint64_t number, bool minus, std::size_t width) {
  char* const end = std::end(own_);
  char* begin = end;
  do {
    *--begin = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0 || static_cast<std::size_t>(end - begin) < width);
  if (minus) *--begin = '-';
  text_ = {begin, end};
}

TextPart::TextPart(Decimal decimal)
    : TextPart(magnitude(decimal.parts), decimal.parts < 0, decimal.digits + 1) {
  if (decimal.digits == 0) return;
  const std::size_t whole = text_.size() - decimal.digits;
  char* const begin = std::end(own_) - text_.size();
  std::copy(begin, begin + whole, begin - 1);
  begin[whole - 1] = '.';
  text_ = {begin - 1, text_.size() + 1};
}

/// Compact on purpose: it stands on the path of what is sent, and its callers are many.
std::string join(std::initializer_list<TextPart> parts) {
  std::size_t size = 0;
  for (const TextPart& part : parts) size += part.text().size();
  std::string joined;
  joined.resize_and_overwrite(size, [parts](char* out, std::size_t) {
    char* const begin = out;
    for (const TextPart& part : parts) out = std::ranges::copy(part.text(), out).out;
    return out - begin;
  });
  return joined;
}

}  // namespace sluice
