#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "reactor/reactor.h"
#include "tools/command.h"

namespace sluice::tools {

/// What ended the loop of a command: Reactor::stop(), ^C or SIGTERM, or that the time was over.
enum class Ended { stopped, signal, time };

struct LoopOptions {
  std::optional<Duration> at_most = {};
  /// A line for standard error, without its newline, once a signal ends the loop and no longer the
  /// process: who reads it may send one at once.
  std::string_view announce = {};
};

/// Turns the loop until one of them. The error is a sentence.
std::expected<Ended, std::string> run_loop(Reactor& reactor, const LoopOptions& options = {});

/// The value of an option that is a whole number in [low, high], or `fallback` without it. The
/// error is a sentence that names the option.
std::expected<std::uint64_t, std::string> number_option(const Arguments& arguments,
                                                        std::string_view name,
                                                        std::uint64_t fallback, std::uint64_t low,
                                                        std::uint64_t high);

}  // namespace sluice::tools
