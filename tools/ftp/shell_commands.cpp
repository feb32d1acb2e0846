#include "tools/ftp/shell_commands.h"

#include <algorithm>

#include "reactor/printable.h"
#include "reactor/text.h"

namespace sluice::tools {
namespace {

std::vector<const ShellCommand*> collect() {
  std::vector<const ShellCommand*> all;
  for (const auto theme : {shell_session_commands(), shell_path_commands(),
                           shell_transfer_commands(), shell_local_commands()}) {
    for (const ShellCommand& command : theme) all.push_back(&command);
  }
  std::ranges::sort(all, {}, &ShellCommand::name);
  return all;
}

}  // namespace

const std::vector<const ShellCommand*>& shell_commands() {
  static const std::vector<const ShellCommand*> all = collect();
  return all;
}

std::expected<const ShellCommand*, std::string> find_shell_command(std::string_view name) {
  std::vector<const ShellCommand*> fitting;
  for (const ShellCommand* command : shell_commands()) {
    if (command->name == name) return command;
    if (!name.empty() && command->name.starts_with(name)) fitting.push_back(command);
  }
  if (fitting.empty()) return std::unexpected(concat(printable(name), ": no such command (help)"));
  const bool same = std::ranges::all_of(
      fitting, [&](const ShellCommand* command) { return command->run == fitting[0]->run; });
  if (same) return fitting[0];
  std::string names;
  for (const ShellCommand* command : fitting) names += concat(' ', command->name);
  return std::unexpected(concat(printable(name), " may be any of", names));
}

}  // namespace sluice::tools
