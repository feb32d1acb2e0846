#pragma once

#include <cstdint>
#include <vector>

#include "protocols/ftp/ascii.h"
#include "protocols/ftp/source.h"
#include "reactor/fd.h"

namespace sluice::tools {

/// What a descriptor gives, from where it stands to its end: a file whose line ends are turned, a
/// pipe, standard input. Where there is nothing yet it is waited for, kPatience at a time, with
/// nothing else done meanwhile.
class FileSource final : public ftp::Source {
 public:
  static constexpr int kPatience = 50;  ///< milliseconds
  static constexpr std::size_t kPieceBytes = 64 * 1024;

  FileSource(Fd file, bool ascii) : file_(std::move(file)), ascii_(ascii) {}

  Result<More> fill(std::vector<std::byte>& out) override;

 private:
  Fd file_;
  bool ascii_;
  ftp::ToNetwork text_;
  std::vector<std::byte> piece_;
};

}  // namespace sluice::tools
