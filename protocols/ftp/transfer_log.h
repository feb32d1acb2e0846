#pragma once

#include <string>
#include <string_view>

#include "reactor/address.h"
#include "reactor/clock.h"
#include "reactor/error.h"
#include "reactor/fd.h"

namespace sluice::ftp {

/// What a line of the transfer log tells.
struct TransferEntry {
  Duration took{};
  const Address& peer;
  std::uint64_t bytes = 0;
  std::string_view path;  ///< as the client sees it
  std::string_view user;  ///< of anonymous, what was given as password is not kept
  bool ascii = false;
  bool upload = false;
  bool anonymous = false;
  bool complete = false;
};

/// Transfers, a line each, as wu-ftpd wrote them and xferlog(5) describes: what log readers know.
class TransferLog {
 public:
  Result<void> open(const std::string& path);
  /// After a log rotation. Does nothing when none is open.
  Result<void> reopen();
  void write(const TransferEntry& entry);

 private:
  std::string path_;
  Fd file_;
};

/// The line, without its newline: blanks and control characters in names become `_`.
std::string format_transfer(const TransferEntry& entry, time_t now);

}  // namespace sluice::ftp
