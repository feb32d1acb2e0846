#pragma once

#include "tools/serve_table.h"

/// The row of `chat` in the table of `sluice serve`.
namespace sluice::tools {

Made make_chat(Reactor& reactor, const Address& address, const ServeSettings& settings);

}  // namespace sluice::tools
