#pragma once

#include "tools/serve_table.h"

namespace sluice::tools {

/// Where the service listens when only its name is given; joined on the loopback interface.
inline constexpr std::string_view kMulticastDefault = "224.0.0.255:5007";

Made make_multicast(const Making& making);

}  // namespace sluice::tools
