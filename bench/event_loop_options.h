#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

/// What the two programs of the event-loop benchmark, ours and the bare one, are told.
struct EventLoopOptions {
  std::string_view mode = "events";
  std::uint32_t pairs = 100, active = 100, writes = 1000, rounds = 100;
  bool timers = false;
  bool fresh = false;
};

inline EventLoopOptions parse_event_loop_options(int argc, char** argv) {
  EventLoopOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--timers") {
      options.timers = true;
    } else if (name == "--fresh") {
      options.timers = options.fresh = true;
    } else if (!name.starts_with("--")) {
      options.mode = name;
    } else {
      const auto value = static_cast<std::uint32_t>(i + 1 < argc ? std::atol(argv[++i]) : 0);
      if (name == "--pairs") options.pairs = value;
      if (name == "--active") options.active = value;
      if (name == "--writes") options.writes = value;
      if (name == "--rounds") options.rounds = value;
    }
  }
  options.active = std::clamp(options.active, 1U, std::max(options.pairs, 1U));
  return options;
}
