#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace sluice::ftp {

/// TYPE A on the wire (RFC 959 section 3.1.1.1): lines end with CR LF there and with LF in our
/// files. Both are state machines over pieces, so that a CR LF cut in two is seen.

/// Files to wire: each LF that no CR precedes becomes CR LF; CR LF stays.
class ToNetwork {
 public:
  /// Appends to `out`; at most twice as many bytes as came.
  void convert(std::span<const std::byte> bytes, std::vector<std::byte>& out);

 private:
  bool after_cr_ = false;
};

/// Wire to files: CR LF becomes LF; a CR alone stays.
class FromNetwork {
 public:
  /// Appends to `out`; at most one byte more than came. A CR that ends `bytes` is held back until
  /// the next byte tells what it is.
  void convert(std::span<const std::byte> bytes, std::vector<std::byte>& out);
  /// Appends a CR that came last. Afterwards as new.
  void finish(std::vector<std::byte>& out);

 private:
  bool holds_cr_ = false;
};

}  // namespace sluice::ftp
