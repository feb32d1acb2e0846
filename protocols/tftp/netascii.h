#pragma once

#include <cstddef>
#include <span>
#include <vector>

/// netascii (RFC 764 by way of RFC 1350): a line ends in CR LF, a bare CR is CR NUL. Both turn a
/// stream piece by piece and keep what a piece's border cuts apart.
namespace sluice::tftp {

/// From the lines of this machine (LF) to the wire.
class ToNetascii {
 public:
  /// Appends to `out`; at most twice as many bytes as came.
  void turn(std::span<const std::byte> in, std::vector<std::byte>& out);
};

/// From the wire to the lines of this machine. Of a CR with neither LF nor NUL behind it both stay.
class FromNetascii {
 public:
  /// Appends to `out`; at most one byte more than came.
  void turn(std::span<const std::byte> in, std::vector<std::byte>& out);
  /// Appends what the end leaves: a CR that nothing followed. Afterwards as new.
  void finish(std::vector<std::byte>& out);

 private:
  bool after_cr_ = false;
};

}  // namespace sluice::tftp
