#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "protocols/ftp/reply_reader.h"
#include "reactor/error.h"

namespace sluice::ftp {

/// Why an operation of a Client came to nothing.
struct Failure {
  enum class Kind : std::uint8_t {
    network,      ///< not reached, reset, silent, ended too early; also 421, 425 and 426
    login,        ///< name or password were refused
    not_found,    ///< there is no such file or directory
    refused,      ///< the server does not want to, or cannot
    remote_full,  ///< 452, 552: no room there
    protocol,     ///< the server said what no FTP server may say
    local,        ///< the file here could not be written or read: `error` says why
    aborted,      ///< by Client::abort()
  };
  Kind kind = Kind::network;
  Error error{};       ///< of network and local, where a call failed
  int code = 0;        ///< of the reply, where there was one
  std::string text{};  ///< the reply's text or a sentence of ours, as it came: see printable()

  /// For a person, fit for a terminal: "550 No such file", "read: Connection reset by peer".
  std::string sentence() const;
};

template <class T>
using Answer = std::expected<T, Failure>;

/// What a command was for: 550 has many meanings.
enum class Purpose : std::uint8_t { anything, login, reading, writing };

/// The meaning of a reply of 4xx or 5xx (or of any that has no place where it came).
Failure failure_of(const ServerReply& reply, Purpose purpose);

}  // namespace sluice::ftp
