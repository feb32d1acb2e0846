#include "protocols/ftp/host_port.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "reactor/check.h"
#include "reactor/text.h"

namespace sluice::ftp {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kDigits = "0123456789";

Address make_v4(::in_addr host, std::uint16_t port) {
  ::sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr = host;
  in.sin_port = htons(port);
  return Address::from_sockaddr(reinterpret_cast<const ::sockaddr*>(&in), sizeof in);
}

Address make_v6(const ::in6_addr& host, std::uint16_t port) {
  ::sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_addr = host;
  in.sin6_port = htons(port);
  return Address::from_sockaddr(reinterpret_cast<const ::sockaddr*>(&in), sizeof in);
}

/// Cuts the text before `delimiter` off, and the delimiter. All of it when there is none.
std::string_view cut(std::string_view& text, char delimiter) {
  const std::size_t end = std::min(text.find(delimiter), text.size());
  const std::string_view before = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return before;
}

std::optional<Address> parse_six(std::string_view text) {
  if (std::ranges::count(text, ',') != 5) return std::nullopt;
  std::array<std::uint8_t, 6> numbers{};
  for (auto& number : numbers) {
    const std::string_view digits = cut(text, ',');
    const auto parsed = parse_number<std::uint8_t>(digits);
    if (!parsed || digits.size() > 3) return std::nullopt;
    number = *parsed;
  }
  ::in_addr host{};
  std::memcpy(&host, numbers.data(), sizeof host);
  return make_v4(host, static_cast<std::uint16_t>(numbers[4] << 8 | numbers[5]));
}

/// Nothing when it is not of that family, or has a zone.
std::optional<Address> parse_host(std::string_view protocol, const std::string& host,
                                  std::uint16_t port) {
  if (host.find('\0') != host.npos) return std::nullopt;  // inet_pton would stop there
  if (protocol == "1") {
    ::in_addr in{};
    if (::inet_pton(AF_INET, host.c_str(), &in) != 1) return std::nullopt;
    return make_v4(in, port);
  }
  ::in6_addr in{};
  if (::inet_pton(AF_INET6, host.c_str(), &in) != 1) return std::nullopt;
  return make_v6(in, port);
}

bool is_delimiter(char letter) {
  return letter >= 33 && letter <= 126;
}

}  // namespace

std::optional<Address> parse_port(std::string_view argument) {
  const auto begin = argument.find_first_not_of(kBlanks);
  if (begin == argument.npos) return std::nullopt;
  return parse_six(argument.substr(begin, argument.find_last_not_of(kBlanks) + 1 - begin));
}

std::string format_pasv(const Address& address) {
  std::array<std::uint8_t, 4> host{};
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const ::sockaddr_in*>(address.data());
    std::memcpy(host.data(), &v4->sin_addr, host.size());
  } else {
    SLUICE_CHECK(address.family() == AF_INET6);
    const auto* v6 = reinterpret_cast<const ::sockaddr_in6*>(address.data());
    SLUICE_CHECK(IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr));
    std::memcpy(host.data(), v6->sin6_addr.s6_addr + 12, host.size());
  }
  std::string out = "(";
  for (const int number : host) out += concat(number, ',');
  out += concat(address.port() >> 8, ',', address.port() & 0xff, ')');
  return out;
}

std::expected<Address, EprtError> parse_eprt(std::string_view argument) {
  constexpr auto kSyntax = std::unexpected(EprtError::syntax);
  if (argument.empty() || !is_delimiter(argument.front())) return kSyntax;
  const char delimiter = argument.front();
  if (argument.size() < 4 || !argument.ends_with(delimiter)) return kSyntax;
  if (std::ranges::count(argument, delimiter) != 4) return kSyntax;
  argument.remove_prefix(1);
  const std::string_view protocol = cut(argument, delimiter);
  const std::string_view host = cut(argument, delimiter);
  const auto port = parse_number<std::uint16_t>(cut(argument, delimiter));
  if (protocol.empty() || protocol.find_first_not_of(kDigits) != protocol.npos) return kSyntax;
  if (protocol != "1" && protocol != "2") return std::unexpected(EprtError::protocol);
  if (!port) return kSyntax;
  const auto address = parse_host(protocol, std::string(host), *port);
  if (!address) return kSyntax;
  return *address;
}

std::optional<Address> parse_pasv_reply(std::string_view text) {
  // Numbers and commas without anything between them are tried whole, so that of seven numbers
  // not any six are taken.
  while (!text.empty()) {
    const std::size_t begin = std::min(text.find_first_of(kDigits), text.size());
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_not_of("0123456789,"), text.size());
    std::string_view run = text.substr(0, end);
    text.remove_prefix(end);
    while (run.ends_with(',')) run.remove_suffix(1);
    if (const auto address = parse_six(run)) return address;
  }
  return std::nullopt;
}

std::optional<std::uint16_t> parse_epsv_reply(std::string_view text) {
  for (auto open = text.find('('); open != text.npos; open = text.find('(', open + 1)) {
    std::string_view inside = text.substr(open + 1);
    if (inside.size() < 3 || !is_delimiter(inside[0])) continue;
    const char delimiter = inside[0];
    if (inside[1] != delimiter || inside[2] != delimiter) continue;
    inside.remove_prefix(3);
    const auto port = parse_number<std::uint16_t>(cut(inside, delimiter));
    if (port && inside.starts_with(')')) return port;
  }
  return std::nullopt;
}

}  // namespace sluice::ftp
