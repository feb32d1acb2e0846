#include "protocols/ftp/path.h"

namespace sluice::ftp {

bool is_pattern(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const auto slash = path.rfind('/');
  const std::string_view last = slash == path.npos ? path : path.substr(slash + 1);
  return last.find_first_of("*?[") != last.npos;
}

}  // namespace sluice::ftp
