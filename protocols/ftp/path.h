#pragma once

#include <string_view>

#include "protocols/files/path.h"

namespace sluice::ftp {

using files::resolve_path;

/// Whether the last component holds `*`, `?` or `[`.
bool is_pattern(std::string_view path);

}  // namespace sluice::ftp
