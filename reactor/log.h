#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "reactor/error.h"
#include "reactor/text.h"

/// The log of the process: lines of `TIME LEVEL WHO: MESSAGE`, each by one write(2), to standard
/// error or to a file, made printable(), so that no peer can forge a line. Never waits: while
/// whoever reads the log does not, lines are dropped, and counted in the next.
namespace sluice {

enum class LogLevel { error, warning, info, debug };

std::optional<LogLevel> parse_log_level(std::string_view name);
void set_log_level(LogLevel level);

/// Appends to the file `path` from now on. When it cannot be opened, the log stays where it was.
Result<void> open_log(const std::string& path);
/// Opens the file anew after a log rotation has moved it; does nothing for standard error.
Result<void> reopen_log();

namespace detail {
extern LogLevel log_level;
void write_log_line(LogLevel level, std::string_view who, std::string_view message);
}  // namespace detail

inline bool logs(LogLevel level) {
  return level <= detail::log_level;
}

/// `parts` as for concat(); put together only when the level is logged.
template <class... Parts>
void log(LogLevel level, std::string_view who, const Parts&... parts) {
  if (logs(level)) [[unlikely]] {
    detail::write_log_line(level, who, concat(parts...));
  }
}

}  // namespace sluice
