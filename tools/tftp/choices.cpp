#include "tools/tftp/choices.h"

#include "protocols/tftp/packet.h"
#include "reactor/text.h"
#include "tools/run_loop.h"

namespace sluice::tools {
namespace {

constexpr unsigned kMaxSeconds = 24 * 3600;
constexpr unsigned kMaxRetry = 100;
constexpr unsigned kMaxWindow = 65535;  // RFC 7440 section 3

/// Options of FTP, and why they are none here.
struct Useless {
  std::string_view name, why;
};
constexpr std::string_view kNoDirectories = "TFTP lists no directories";
constexpr Useless kUseless[] = {
    {"-C", "TFTP cannot go on where it was broken off"},
    {"-r", kNoDirectories},
    {"-P", kNoDirectories},
    {"--delete", kNoDirectories},
    {"--dry-run", kNoDirectories},
    {"--active", "TFTP has no data connections"},
    {"--in-place", "where a TFTP server writes to is its own choice"},
};

}  // namespace

std::expected<TftpChoices, std::string> tftp_choices_of(std::string_view command,
                                                        const Arguments& arguments) {
  for (const Useless& option : kUseless) {
    if (arguments.has(option.name)) {
      return std::unexpected(concat(option.name, " is not for tftp://: ", option.why));
    }
  }
  TftpChoices choices{.command = command};
  std::string fault;
  const auto number = [&](std::string_view name, std::uint64_t low, std::uint64_t high) {
    auto given = number_option(arguments, name, 0, low, high);
    if (!given) fault = given.error();
    return given.value_or(0);
  };
  if (const auto bytes = number("--block-size", tftp::kMinBlock, tftp::kMaxBlock)) {
    choices.block_size = static_cast<std::uint16_t>(bytes);
  }
  if (const auto blocks = number("--window", 1, kMaxWindow)) {
    choices.window = static_cast<std::uint16_t>(blocks);
  }
  if (const auto seconds = number("--timeout", 1, kMaxSeconds)) {
    choices.patience = std::chrono::seconds(seconds);
  }
  if (arguments.has("--retry"))
    choices.retry = static_cast<unsigned>(number("--retry", 0, kMaxRetry));
  if (!fault.empty()) return std::unexpected(std::move(fault));
  choices.netascii = arguments.has("--netascii") || arguments.has("--ascii");
  choices.verbose = arguments.has("--verbose");
  choices.output = arguments.value("-o").value_or("");
  return choices;
}

}  // namespace sluice::tools
