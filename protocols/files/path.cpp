#include "protocols/files/path.h"

#include <limits.h>

#include <algorithm>

namespace sluice::files {

std::optional<std::string> resolve_path(std::string_view from, std::string_view argument) {
  if (argument.find('\0') != argument.npos) return std::nullopt;
  // "/" is empty here, so that each name brings its slash.
  std::string path(argument.starts_with('/') || from == "/" ? "" : from);
  while (!argument.empty()) {
    const std::size_t slash = std::min(argument.find('/'), argument.size());
    const std::string_view name = argument.substr(0, slash);
    argument.remove_prefix(std::min(slash + 1, argument.size()));
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      path.resize(path.empty() ? 0 : path.rfind('/'));
      continue;
    }
    if (name.size() > NAME_MAX) return std::nullopt;
    path += '/';
    path += name;
  }
  if (path.empty()) return "/";
  if (path.size() >= PATH_MAX) return std::nullopt;
  return path;
}

}  // namespace sluice::files
