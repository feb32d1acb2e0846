#pragma once

#include <string>
#include <string_view>

namespace sluice::tools {

/// `directory` and `name` as one path of a server: "" and "a" give "a", "/" and "a" give "/a".
std::string join_path(std::string_view directory, std::string_view name);
/// What follows the last `/`, and what stands before it ("/a" gives "/", "a" gives "").
std::string_view last_component(std::string_view path);
std::string_view directory_of(std::string_view path);

}  // namespace sluice::tools
