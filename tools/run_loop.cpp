#include "tools/run_loop.h"

#include <unistd.h>

#include <csignal>

#include "reactor/text.h"
#include "reactor/write_all.h"

namespace sluice::tools {

std::expected<Ended, std::string> run_loop(Reactor& reactor, const LoopOptions& options) {
  Ended ended = Ended::stopped;
  for (const int number : {SIGINT, SIGTERM}) {
    auto set = reactor.on_signal(number, [&reactor, &ended] {
      ended = Ended::signal;
      reactor.stop();
    });
    if (!set) return std::unexpected(set.error().message());
  }
  if (!options.announce.empty()) {
    (void)write_all(STDERR_FILENO, concat(options.announce, '\n'));
  }
  Timer deadline;
  if (options.at_most) {
    deadline = reactor.after(*options.at_most, [&] {
      ended = Ended::time;
      reactor.stop();
    });
  }
  const auto ran = reactor.run();
  if (!ran) return std::unexpected(ran.error().message());
  return ended;
}

std::expected<std::uint64_t, std::string> number_option(const Arguments& arguments,
                                                        std::string_view name,
                                                        std::uint64_t fallback, std::uint64_t low,
                                                        std::uint64_t high) {
  const auto text = arguments.value(name);
  if (!text) return fallback;
  const auto number = parse_number<std::uint64_t>(*text);
  if (number && *number >= low && *number <= high) return *number;
  return std::unexpected(concat(name, " takes a whole number from ", low,
                                high == UINT64_MAX ? std::string() : concat(" to ", high), ", not ",
                                *text));
}

}  // namespace sluice::tools
