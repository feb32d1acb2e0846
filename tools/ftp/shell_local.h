#pragma once

#include <string>
#include <string_view>

namespace sluice::tools {

/// `path` with a `~` that is its first component made $HOME.
std::string with_home(std::string_view path);

bool is_local_directory(const std::string& path);

}  // namespace sluice::tools
