#include "tools/serve_chat.h"

#include <bit>

#include "protocols/chat/chat_service.h"
#include "reactor/text.h"

namespace sluice::tools {
namespace {

/// Numbers, each with its option, its bounds and where it goes.
std::expected<void, std::string> set_numbers(const ServeSettings& settings,
                                             chat::ChatService::Options& options) {
  std::uint64_t gap = 50, line = options.line, history = options.rooms.history_lines;
  std::uint64_t rate = static_cast<std::uint64_t>(options.rate);
  std::uint64_t burst = static_cast<std::uint64_t>(options.burst);
  std::uint64_t lag = options.rooms.max_lag, clients = options.max_clients;
  std::uint64_t per_address = options.max_per_address;
  const struct {
    std::string_view name;
    std::uint64_t& value;
    std::uint64_t low, high;
  } numbers[] = {
      {"chat-gap", gap, 1, 60'000},
      {"chat-line", line, 64, 65'536},
      {"chat-history", history, 0, 1'000},
      {"chat-rate", rate, 0, 1'000'000},
      {"chat-burst", burst, 1, 1'000'000},
      {"chat-lag", lag, 65'536, 1U << 30},
      {"chat-max-clients", clients, 1, UINT32_MAX},
      {"chat-max-per-address", per_address, 1, UINT32_MAX},
  };
  for (const auto& number : numbers) {
    const auto given = settings.number(number.name, number.value, number.low, number.high);
    if (!given) return std::unexpected(given.error());
    number.value = *given;
  }
  options.gap = std::chrono::milliseconds(gap);
  options.line = line;
  options.rooms.history_lines = history;
  options.rate = static_cast<double>(rate);
  options.burst = static_cast<double>(burst);
  options.rooms.max_lag = std::bit_ceil(lag);
  options.max_clients = clients;
  options.max_per_address = per_address;
  options.bound_loopback = settings.has("chat-max-per-address");
  return {};
}

}  // namespace

Made make_chat(Reactor& reactor, const Address& address, const ServeSettings& settings) {
  chat::ChatService::Options options;
  options.address = address;
  if (auto set = set_numbers(settings, options); !set) return std::unexpected(set.error());
  const std::string slow = settings.text("chat-slow", "skip");
  if (slow != "skip" && slow != "disconnect") {
    return std::unexpected(concat("--chat-slow is skip or disconnect, not ", slow));
  }
  options.rooms.disconnect_slow = slow == "disconnect";
  options.rooms.transcripts = settings.text("chat-transcript", "");
  return std::make_unique<chat::ChatService>(reactor, std::move(options));
}

}  // namespace sluice::tools
