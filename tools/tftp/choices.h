#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "reactor/clock.h"
#include "tools/command.h"

namespace sluice::tools {

/// What `get` and `put` were told to do by TFTP.
struct TftpChoices {
  std::string_view command;  ///< whose: "get", "put"
  std::optional<std::uint16_t> block_size{};
  std::optional<std::uint16_t> window{};
  std::optional<Duration> patience{};
  unsigned retry = 2;  ///< once something had come or gone
  bool netascii = false;
  bool verbose = false;
  std::string_view output{};  ///< of get: "" for none
};

/// The error is a sentence on what is wrong, an option that TFTP has no use for among it.
std::expected<TftpChoices, std::string> tftp_choices_of(std::string_view command,
                                                        const Arguments& arguments);

}  // namespace sluice::tools
