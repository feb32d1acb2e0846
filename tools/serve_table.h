#pragma once

#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/service.h"
#include "reactor/address.h"
#include "reactor/callback.h"
#include "reactor/reactor.h"
#include "tools/serve_options.h"

namespace sluice::tools {

using Made = std::expected<std::unique_ptr<Service>, std::string>;

/// A service of the process, as far as it came.
struct Running {
  const struct ServiceKind* kind;
  std::unique_ptr<Service> service;  ///< null when it could not be started
  std::string trouble;               ///< why
};

class ServeVideo;

/// What a service is made of whose address is no Address, or which hands things on to another one.
struct Making {
  Reactor& reactor;
  std::string_view address;  ///< as it was given last, or the default
  const ServeSettings& settings;
  /// Finds one that was made before, by its name: the table has the order. Null: it does not run.
  Function<Service*(std::string_view name)>& find;
  /// All of them, for one that tells of the others later. Outlives them.
  const std::vector<Running>& all;
  ServeVideo& video;
};

/// One kind of service that `sluice serve` knows: a row of its table.
struct ServiceKind {
  std::string_view name;  ///< `--NAME ADDRESS`, and the prefix of its options
  std::string_view default_address;
  std::string_view data_option;  ///< which names its files, without dashes; "" when it has none
  /// Makes it, not started yet. The error is a sentence about an option.
  Made (*make)(Reactor& reactor, const Address& address, const ServeSettings& settings);
  /// A command that shows it at work, for a person to type; gets HOST:PORT.
  std::string (*try_command)(const std::string& address, const ServeSettings& settings);
  Made (*make_from)(const Making& making) = nullptr;  ///< in place of `make`, which is null then
  bool only_if_named = false;                         ///< not one of those that run by default
  std::string_view announced = "listening on";        ///< what stands between name and address
};

std::span<const ServiceKind> service_kinds();

/// Where the services keep their files when no option says otherwise. Made by prepare_default_data.
inline constexpr std::string_view kDataDirectory = "sluice-data";

/// Makes kDataDirectory and what the services look for in it.
std::expected<void, std::string> prepare_default_data();

}  // namespace sluice::tools
