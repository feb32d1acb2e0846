#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/error.h"

namespace sluice::tools {

/// The lines entered before, the newest last, at most kMaxLines, none twice in a row, none empty.
class History {
 public:
  static constexpr std::size_t kMaxLines = 1000;

  void add(std::string line);
  const std::vector<std::string>& lines() const { return lines_; }

  /// Reads the lines of a file, one each; a file that is not there is an empty one.
  Result<void> load(const std::string& path);
  /// Writes them: the file appears whole (a hidden one beside it, renamed), mode 0600, its folder
  /// made if need be.
  Result<void> save(const std::string& path) const;

 private:
  std::vector<std::string> lines_;
};

/// Where the history of the command `name` lies: $XDG_STATE_HOME/sluice/NAME_history, else
/// $HOME/.local/state/sluice/NAME_history; empty when neither variable is set.
std::string history_path(std::string_view name);

}  // namespace sluice::tools
