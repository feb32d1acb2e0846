#pragma once

#include <cstdint>
#include <string>

#include "reactor/error.h"

namespace sluice::tftp {

/// How a transfer ended.
struct Ended {
  enum class Kind : std::uint8_t {
    whole,
    refused,      ///< the peer sent an ERROR: `code` and `text` are its own
    silent,       ///< the peer did not answer for Patience
    unreachable,  ///< ICMP: nobody has that port, or no way leads there: `error`
    local,        ///< Source or Sink failed, or the socket: `error`
    nonsense,     ///< the peer does not keep to the protocol: `text`
    aborted,      ///< by abort()
  };
  Kind kind = Kind::whole;
  std::uint16_t code = 0;
  std::string text{};
  Error error{};
  std::uint64_t bytes = 0;   ///< of contents, sent and acknowledged, or received
  std::uint64_t resent = 0;  ///< packets that had to be sent again

  /// For a person, not made printable: "the peer refused: no such file (1)".
  std::string sentence() const;
};

}  // namespace sluice::tftp
