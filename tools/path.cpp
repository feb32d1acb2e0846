#include "tools/path.h"

#include "reactor/text.h"

namespace sluice::tools {

std::string join_path(std::string_view directory, std::string_view name) {
  const bool bare = directory.empty() || directory.ends_with('/');
  return concat(directory, bare ? "" : "/", name);
}

std::string_view last_component(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string_view directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == path.npos) return {};
  return path.substr(0, slash == 0 ? 1 : slash);
}

}  // namespace sluice::tools
