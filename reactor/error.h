#pragma once

#include <cerrno>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>

namespace sluice {

/// What went wrong: an errno value and the operation that failed. 16 bytes, copied freely.
struct Error {
  int code = 0;                ///< an errno value, 0 for "no error"
  const char* operation = "";  ///< a string literal: usually the system call

  /// The error of the call that has just failed.
  [[gnu::cold]] static Error last(const char* operation) { return {errno, operation}; }

  explicit operator bool() const { return code != 0; }

  /// "bind: Address already in use"
  std::string message() const { return std::string(operation) + ": " + std::strerror(code); }

  /// "bind 127.0.0.1:21: Permission denied"
  std::string message(std::string_view subject) const {
    return std::string(operation) + " " + std::string(subject) + ": " + std::strerror(code);
  }
};

/// A value, or the Error that kept it from being. Test it, then use `*result` or `result.error()`.
template <class T>
using Result = std::expected<T, Error>;

/// `return fail("bind");` gives the caller errno and the name of the call. Cold, so that what leads
/// to it does not lie between the instructions that run each time.
[[gnu::cold]] inline std::unexpected<Error> fail(const char* operation) {
  return std::unexpected(Error::last(operation));
}
[[gnu::cold]] inline std::unexpected<Error> fail(const char* operation, int code) {
  return std::unexpected(Error{code, operation});
}

}  // namespace sluice
