#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "bench/load/chat_message.h"

namespace load {

/// See chat_load.cpp.
struct ChatOptions {
  std::string target, wire;
  std::size_t readers = 0, publishers = 0, talkers = 0, size = 64, window = 64, slow = 0, least = 0;
  double seconds = 1;
  bool spin = false, wait = false;
};

inline ChatOptions parse_chat_options(int argc, char** argv) {
  constexpr std::size_t kLargestSize = 60'000;
  ChatOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--wait") {
      options.wait = true;
    } else if (name == "--spin") {
      options.spin = true;
    } else if (!name.starts_with("--")) {
      (options.target.empty() ? options.target : options.wire) = name;
    } else {
      const double number = i + 1 < argc ? std::strtod(argv[++i], nullptr) : 0;
      const auto value = static_cast<std::size_t>(number);
      if (name == "--readers") options.readers = value;
      if (name == "--publishers") options.publishers = value;
      if (name == "--talkers") options.talkers = value;
      if (name == "--size") options.size = std::clamp(value, Message::kLeastSize, kLargestSize);
      if (name == "--window") options.window = std::max<std::size_t>(value, 1);
      if (name == "--least-messages") options.least = value;
      if (name == "--slow") options.slow = value;
      if (name == "--run-seconds") options.seconds = number;
    }
  }
  options.slow = std::min(options.slow, options.readers);
  return options;
}

/// Waits for a line of standard input; false at its end.
inline bool line_of_input() {
  int byte;
  while ((byte = std::getchar()) != '\n' && byte != EOF) {
  }
  return byte == '\n';
}

}  // namespace load
