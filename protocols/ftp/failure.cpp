#include "protocols/ftp/failure.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "reactor/printable.h"
#include "reactor/text.h"

namespace sluice::ftp {
namespace {

using Kind = Failure::Kind;

template <std::size_t N>
bool says_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::ranges::any_of(words, [&](auto word) { return lower.contains(word); });
}

constexpr std::array<std::string_view, 4> kMissing{"no such", "not found", "not exist",
                                                   "cannot find"};

/// 550 is "not found, no access" (RFC 959 section 4.2.1), so only the text can tell the two apart;
/// these words are those of the servers that are met.
Kind meaning_of_550(std::string_view text, Purpose purpose) {
  constexpr std::array<std::string_view, 5> kForbidden{"denied", "permi", "not allowed",
                                                       "privilege", "exists"};
  if (says_one_of(text, kMissing)) return Kind::not_found;
  const bool missing = purpose == Purpose::reading && !says_one_of(text, kForbidden);
  return missing ? Kind::not_found : Kind::refused;
}

Kind kind_of(const ServerReply& reply, Purpose purpose) {
  switch (reply.code) {
    case 421:
    case 425:
    case 426:
      return Kind::network;
    case 452:
    case 552:
      return Kind::remote_full;
    case 450:
      // The file may be busy: that it is missing has to be said.
      if (purpose == Purpose::reading) purpose = Purpose::anything;
      [[fallthrough]];
    case 550:
    case 553:
      return purpose == Purpose::login ? Kind::login : meaning_of_550(reply.text(), purpose);
    default:
      break;
  }
  if (reply.code < 400) return Kind::protocol;
  return purpose == Purpose::login || reply.code == 530 ? Kind::login : Kind::refused;
}

}  // namespace

Failure failure_of(const ServerReply& reply, Purpose purpose) {
  return {kind_of(reply, purpose), {}, reply.code, std::string(reply.text())};
}

std::string Failure::sentence() const {
  std::string said = printable(text);
  if (code != 0) return said.empty() ? concat(code) : concat(code, ' ', said);
  if (!error) return said;
  const std::string why = std::strerror(error.code);
  return said.empty() ? why : concat(said, ": ", why);
}

}  // namespace sluice::ftp
