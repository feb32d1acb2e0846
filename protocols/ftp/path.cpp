#include "protocols/ftp/path.h"

#include <limits.h>

#include <algorithm>

namespace sluice::ftp {

std::optional<std::string> resolve_path(std::string_view cwd, std::string_view argument) {
  if (argument.find('\0') != argument.npos) return std::nullopt;
  // "/" is empty here, so that each name brings its slash.
  std::string path(argument.starts_with('/') || cwd == "/" ? "" : cwd);
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

bool is_pattern(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const auto slash = path.rfind('/');
  const std::string_view last = slash == path.npos ? path : path.substr(slash + 1);
  return last.find_first_of("*?[") != last.npos;
}

}  // namespace sluice::ftp
