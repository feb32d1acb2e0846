#include "protocols/http/host.h"

#include "protocols/http/letters.h"
#include "reactor/address.h"
#include "reactor/text.h"

namespace sluice::http {

bool is_host(std::string_view host) {
  const std::string_view name = without_port(host);
  const std::string_view port = host.substr(name.size());
  if (!port.empty() && !std::ranges::all_of(port.substr(1), is_digit)) return false;
  if (name.starts_with('[')) {
    return name.size() > 2 && name.ends_with(']') &&
           std::ranges::all_of(name.substr(1, name.size() - 2), [](char letter) {
             return is_digit(letter) || is_alpha(letter) ||
                    std::string_view(":.%-_~").contains(letter);
           });
  }
  return std::ranges::all_of(name, [](char letter) {
    return is_digit(letter) || is_alpha(letter) ||
           std::string_view("-._~%!$&'()*+,;=").contains(letter);
  });
}

std::string_view without_port(std::string_view host) {
  const std::size_t from = host.starts_with('[') ? host.find(']') : 0;
  return host.substr(0, host.find(':', from == host.npos ? 0 : from));
}

bool is_local_name(std::string_view host) {
  std::string name = lowered(without_port(host));
  if (const auto address = Address::parse(concat(name, ":0"))) {
    return !name.empty() && (address->family() == AF_INET || address->family() == AF_INET6);
  }
  if (name.ends_with('.')) name.pop_back();
  return (!name.empty() && !name.contains('.')) || name.ends_with(".localhost");
}

}  // namespace sluice::http
