#include "tools/ftp/choices.h"

#include "reactor/text.h"

namespace sluice::tools {
namespace {

constexpr unsigned kMaxSeconds = 24 * 3600;

/// The number given for an option; `otherwise` when it is not given, nothing when it is none.
std::optional<unsigned> number_of(const Arguments& arguments, std::string_view name,
                                  unsigned otherwise, unsigned least, unsigned most) {
  const auto text = arguments.value(name);
  if (!text) return otherwise;
  const auto number = parse_number<unsigned>(*text);
  return number && *number >= least && *number <= most ? number : std::nullopt;
}

std::string fault_of(const Choices& choices, const Arguments& arguments) {
  for (const std::string_view name : {"--block-size", "--window", "--netascii"}) {
    if (arguments.has(name)) return concat(name, " is for tftp://");
  }
  if (!choices.recursive) {
    for (const std::string_view name : {"-P", "--delete", "--dry-run"}) {
      if (arguments.has(name)) return concat(name, " is for whole directories: it needs -r");
    }
  }
  if (choices.resume && choices.ascii) {
    return "-C and --ascii do not go together: what is turned has another length";
  }
  return {};
}

}  // namespace

std::expected<Choices, std::string> choices_of(std::string_view command,
                                               const Arguments& arguments) {
  Choices choices{.command = command};
  const auto parallel = number_of(arguments, "-P", 1, 1, kMaxParallel);
  if (!parallel) return std::unexpected(concat("-P takes a number from 1 to ", kMaxParallel));
  const auto retry = number_of(arguments, "--retry", 2, 0, kMaxRetry);
  if (!retry) return std::unexpected(concat("--retry takes a number from 0 to ", kMaxRetry));
  const auto seconds = number_of(arguments, "--timeout", 0, 1, kMaxSeconds);
  if (!seconds) return std::unexpected(concat("--timeout takes seconds, 1 to ", kMaxSeconds));
  choices.parallel = *parallel;
  choices.retry = *retry;
  if (*seconds > 0) {
    const Duration patience = std::chrono::seconds(*seconds);
    choices.client.connect_timeout = choices.client.reply_timeout = patience;
    choices.client.data_timeout = patience;
  }
  choices.client.passive = !arguments.has("--active");
  choices.recursive = arguments.has("-r");
  choices.resume = arguments.has("-C");
  choices.remove = arguments.has("--delete");
  choices.dry_run = arguments.has("--dry-run");
  choices.verbose = arguments.has("--verbose");
  choices.ascii = arguments.has("--ascii");
  choices.in_place = arguments.has("--in-place");
  choices.output = arguments.value("-o").value_or("");
  if (std::string fault = fault_of(choices, arguments); !fault.empty()) {
    return std::unexpected(std::move(fault));
  }
  return choices;
}

}  // namespace sluice::tools
