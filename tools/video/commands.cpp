#include "tools/video/commands.h"

#include <algorithm>
#include <cerrno>

#include "reactor/text.h"

namespace sluice::tools {

int report(const VideoFailure& failure) {
  if (failure.exit == kWrongUsage) return misused(kVideoName, failure.text);
  complain(kVideoName, failure.text);
  return failure.exit;
}

VideoOutcome<std::optional<Address>> listen_option(const Arguments& arguments,
                                                   std::string_view option) {
  const auto text = arguments.value(option);
  if (!text) return std::nullopt;
  auto address = Address::parse(*text);
  if (!address) {
    const std::string word = concat(option, ' ', *text, ": ", address.error().operation);
    return std::unexpected(VideoFailure{word, kWrongUsage});
  }
  return std::move(*address);
}

VideoOutcome<std::vector<Address>> peer_option(const Arguments& arguments,
                                               std::string_view option) {
  const auto text = arguments.value(option);
  if (!text) return std::vector<Address>();
  auto addresses = resolve(*text);
  if (!addresses) {
    const bool usage = addresses.error().code == EINVAL;
    return std::unexpected(
        VideoFailure{concat(option, ' ', *text, ": ", addresses.error().operation),
                     usage ? kWrongUsage : kNetwork});
  }
  for (const Address& address : *addresses) {
    if (address.family() != AF_UNIX && address.port() == 0) {
      return std::unexpected(
          VideoFailure{concat(option, ' ', *text, ": the port is missing"), kWrongUsage});
    }
  }
  return std::move(*addresses);
}

}  // namespace sluice::tools
