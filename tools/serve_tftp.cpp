#include "tools/serve_tftp.h"

#include "protocols/tftp/tftp_service.h"

namespace sluice::tools {

Made make_tftp(Reactor& reactor, const Address& address, const ServeSettings& settings) {
  tftp::TftpService::Options options;
  options.address = address;
  options.directory = settings.text("tftp-root", kTftpRoot);
  options.writable = settings.has("tftp-writable");
  options.may_replace = settings.has("tftp-replace");
  options.sync = settings.has("sync");
  std::uint64_t transfers = options.max_transfers, per_address = options.max_per_address;
  std::uint64_t patience = 25;
  const struct {
    std::string_view name;
    std::uint64_t& value;
    std::uint64_t low, high;
  } numbers[] = {
      {"tftp-max-size", options.max_size, 0, UINT64_MAX},
      {"tftp-max-transfers", transfers, 1, UINT32_MAX},
      {"tftp-max-per-address", per_address, 1, UINT32_MAX},
      {"tftp-patience", patience, 1, 3600},
  };
  for (const auto& number : numbers) {
    const auto given = settings.number(number.name, number.value, number.low, number.high);
    if (!given) return std::unexpected(given.error());
    number.value = *given;
  }
  if (options.may_replace && !options.writable) {
    return std::unexpected("--tftp-replace without --tftp-writable");
  }
  options.max_transfers = transfers;
  options.max_per_address = per_address;
  options.bound_loopback = settings.has("tftp-max-per-address");
  options.patience = std::chrono::seconds(patience);
  return std::make_unique<tftp::TftpService>(reactor, std::move(options));
}

}  // namespace sluice::tools
