#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "tools/command.h"

namespace sluice::tools {

/// The settings of `sluice serve`: names without dashes, from a config file and the command line.
/// Owns its texts.
class ServeSettings {
 public:
  /// Takes `name = value` lines; blank lines and lines that begin with # are passed over. The error
  /// names the file, the line and what is wrong with it. Known are the names of `options`.
  std::expected<void, std::string> read_file(const std::string& path,
                                             std::span<const Option> options);
  /// The command line has the last word.
  void add(const Arguments& arguments);

  /// What no one has said yet.
  void add_default(std::string_view name, std::string value);

  const std::string* find(std::string_view name) const;
  /// Every value given for `name`, in order.
  std::vector<std::string_view> find_all(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::string text(std::string_view name, std::string_view fallback) const;
  /// A whole number in [low, high]; the error names the option.
  std::expected<std::uint64_t, std::string> number(std::string_view name, std::uint64_t fallback,
                                                   std::uint64_t low, std::uint64_t high) const;

  const std::vector<std::pair<std::string, std::string>>& all() const { return settings_; }

 private:
  std::vector<std::pair<std::string, std::string>> settings_;
};

}  // namespace sluice::tools
