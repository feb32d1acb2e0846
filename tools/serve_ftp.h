#pragma once

#include "tools/serve_table.h"

/// The row of `ftp` in the table of `sluice serve`, which has more options than the others.
namespace sluice::tools {

inline constexpr std::string_view kFtpRoot = "sluice-data/ftp";

/// Adds what SLUICE_FTP_USER says, and overwrites the passwords in the arguments, which everybody
/// on the machine can read while the process runs.
void take_ftp_secrets(ServeSettings& settings, const Arguments& arguments);

/// For a server that was given no options: anonymous may read; a user `sluice` may write, with a
/// password made now.
void set_ftp_defaults(ServeSettings& settings);

/// Forks the process that checks hashed passwords when ftp is going to run with a file of users:
/// to be called before there is a Reactor.
Result<void> fork_password_process(const ServeSettings& settings, bool all);

Made make_ftp(Reactor& reactor, const Address& address, const ServeSettings& settings);
std::string try_ftp(const std::string& address, const ServeSettings& settings);

}  // namespace sluice::tools
