#pragma once

#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "protocols/service.h"
#include "reactor/address.h"
#include "reactor/reactor.h"
#include "tools/serve_options.h"

namespace sluice::tools {

using Made = std::expected<std::unique_ptr<Service>, std::string>;

/// One kind of service that `sluice serve` knows: a row of its table.
struct ServiceKind {
  std::string_view name;  ///< `--NAME ADDRESS`, and the prefix of its options
  std::string_view default_address;
  std::string_view data_option;  ///< which names its files, without dashes; "" when it has none
  /// Makes it, not started yet. The error is a sentence about an option.
  Made (*make)(Reactor& reactor, const Address& address, const ServeSettings& settings);
  /// A command that shows it at work, for a person to type; gets HOST:PORT.
  std::string (*try_command)(const std::string& address, const ServeSettings& settings);
};

std::span<const ServiceKind> service_kinds();

/// Where the services keep their files when no option says otherwise. Made by prepare_default_data.
inline constexpr std::string_view kDataDirectory = "sluice-data";

/// Makes kDataDirectory and what the services look for in it.
std::expected<void, std::string> prepare_default_data();

}  // namespace sluice::tools
