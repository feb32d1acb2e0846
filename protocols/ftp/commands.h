#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::ftp {

class FtpSession;

enum class Argument : std::uint8_t { none, optional, required };

/// A command of the protocol and what has to hold before it is run.
struct CommandSpec {
  std::string_view verb;
  std::string_view usage;
  Argument argument;
  bool needs_login;
  char permission;  ///< of Permissions; 0: none
  /// Gives the reply, now or later. Null: known and not done (502).
  void (*run)(FtpSession& session, std::string_view argument);
};

/// Null when nobody has heard of it. `verb` is in upper case.
const CommandSpec* find_command(std::string_view verb);

/// By theme, each from the file of its name.
std::span<const CommandSpec> session_commands();   // commands_session.cpp: who, how, what is there
std::span<const CommandSpec> path_commands();      // commands_path.cpp: directories, names, facts
std::span<const CommandSpec> transfer_commands();  // commands_transfer.cpp: data connections, files
std::span<const CommandSpec> digest_commands();    // commands_digest.cpp: HASH and its elders
std::span<const CommandSpec> unsupported_commands();

}  // namespace sluice::ftp
