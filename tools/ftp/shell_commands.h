#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/client.h"

namespace sluice::tools {

class Shell;

/// What a word of a command is, for completion.
enum class WordKind : std::uint8_t {
  other,
  remote,
  remote_directory,
  local,
  local_directory,
  command,
  on_off
};

/// What a command is called with.
struct CommandLine {
  std::string_view name;               ///< in full
  std::span<const std::string> words;  ///< without the name
  std::string_view rest;               ///< what follows the name, as it was typed
};

/// A command of the shell. `run` may wait, and tells what it did; it returns what went wrong, with
/// no text where that has been told already.
struct ShellCommand {
  std::string_view name;
  std::string_view usage{};  ///< what follows the name
  std::string_view summary{};
  std::size_t least = 0, most = 0;  ///< words; more than `most` is wrong usage
  WordKind first = WordKind::other;
  WordKind rest = WordKind::other;
  bool changes = false;  ///< afterwards the server may have other names than before
  Outcome<void> (*run)(Shell& shell, const CommandLine& line) = nullptr;
};

inline constexpr std::size_t kAnyNumber = 1'000'000;

std::span<const ShellCommand> shell_session_commands();
std::span<const ShellCommand> shell_path_commands();
std::span<const ShellCommand> shell_transfer_commands();
std::span<const ShellCommand> shell_local_commands();

/// All of them, by name. Several names may have the same `run`.
const std::vector<const ShellCommand*>& shell_commands();

/// The command that `name` is, or is the beginning of, if of no other; the error is a sentence.
std::expected<const ShellCommand*, std::string> find_shell_command(std::string_view name);

}  // namespace sluice::tools
