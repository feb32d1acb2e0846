#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <expected>
#include <iterator>
#include <string>
#include <string_view>

#include "protocols/ftp/client.h"
#include "tools/command.h"

namespace sluice::tools {

/// What `get` and `put` were told to do.
struct Choices {
  std::string_view command;  ///< whose: "get", "put"
  ftp::Client::Options client{};
  unsigned parallel = 1;  ///< connections of a tree
  unsigned retry = 2;     ///< in a row, without a byte between them
  bool recursive = false;
  bool resume = false;
  bool remove = false;  ///< --delete
  bool dry_run = false;
  bool verbose = false;
  bool ascii = false;
  bool in_place = false;
  std::string_view output{};  ///< of get: "" for none
};

inline constexpr unsigned kMaxParallel = 8;
inline constexpr unsigned kMaxRetry = 100;

/// The error is a sentence on what is wrong.
std::expected<Choices, std::string> choices_of(std::string_view command,
                                               const Arguments& arguments);

/// What both take, for ftp:// and tftp://.
inline constexpr Option kTransferOptions[] = {
    {"-C", "", "go on where an earlier transfer was broken off"},
    {"-r", "", "a whole directory, with all below it"},
    {"-P", "NUMBER", "with -r: so many connections at once, 1 to 8 (default 1)"},
    {"--delete", "", "with -r: remove at the destination what the source does not have"},
    {"--dry-run", "", "with -r: only print what would be done"},
    {"--retry", "NUMBER", "connect again so often when the network fails (default 2)"},
    {"--active", "", "the server makes the data connections (PORT, EPRT)"},
    {"--ascii", "", "text: line ends are turned (also ;type=a at the URL's end)"},
    {"--timeout", "SECONDS",
     "give up when nothing moves for so long (default 60; connect 10; tftp 15)"},
    {"--verbose", "", "a line for each file, not only on a terminal"},
    {"--block-size", "BYTES", "tftp: of a block, 8 to 65464 (default: what the way there takes)"},
    {"--window", "BLOCKS", "tftp: sent before an answer, 1 to 65535 (default 16)"},
    {"--netascii", "", "tftp: --ascii by its own name (also ;mode=netascii at the URL's end)"},
};

/// Those, after one of the command's own.
constexpr auto with_transfer_options(const Option& own) {
  std::array<Option, 1 + std::size(kTransferOptions)> all{own};
  std::ranges::copy(kTransferOptions, all.begin() + 1);
  return all;
}

}  // namespace sluice::tools
