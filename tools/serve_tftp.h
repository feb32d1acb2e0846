#pragma once

#include "tools/serve_table.h"

/// The row of `tftp` in the table of `sluice serve`.
namespace sluice::tools {

inline constexpr std::string_view kTftpRoot = "sluice-data/tftp";

Made make_tftp(Reactor& reactor, const Address& address, const ServeSettings& settings);

}  // namespace sluice::tools
