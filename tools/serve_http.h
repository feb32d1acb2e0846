#pragma once

#include "tools/serve_table.h"

/// The row of `http` in the table of `sluice serve`.
namespace sluice::tools {

Made make_http(const Making& making);

}  // namespace sluice::tools
