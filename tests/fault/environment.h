#pragma once

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/fault/plan.h"

/// The plan as the environment has it, made before main(); afterwards it says what it did.
namespace sluice::fault {
namespace {

[[gnu::format(printf, 1, 2)]] void report(const char* format, ...) {
  std::array<char, 256> line;
  va_list values;
  va_start(values, format);
  const int size = std::vsnprintf(line.data(), line.size(), format, values);
  va_end(values);
  say(line.data(), std::min(static_cast<std::size_t>(size), line.size() - 1));
}

/// A number from the environment; what cannot be read ends the program, as the run would not be the
/// one that was asked for.
std::uint64_t number(const char* name, std::uint64_t most, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  if (!text) return fallback;
  char* end = nullptr;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (*text >= '0' && *text <= '9' && *end == 0 && value <= most) return value;
  report("faults: %s is a number up to %" PRIu64 ", not %s\n", name, most, text);
  _exit(2);
}

Kinds kinds(const char* text) {
  Kinds all = 0;
  while (*text != 0) {
    const std::size_t size = std::strcspn(text, ",");
    std::size_t i = 0;
    while (i < kNames.size() &&
           (std::strlen(kNames[i]) != size || std::strncmp(kNames[i], text, size) != 0)) {
      ++i;
    }
    if (i == kNames.size()) {
      report("faults: SLUICE_FAULT_KINDS: there is no %s\n", text);
      _exit(2);
    }
    all |= 1u << i;
    text += text[size] == ',' ? size + 1 : size;
  }
  return all;
}

[[gnu::constructor]] void begin() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const auto fresh = static_cast<std::uint64_t>(now.tv_nsec) ^ static_cast<std::uint64_t>(getpid());
  plan.seed = number("SLUICE_FAULT_SEED", UINT32_MAX, fresh);
  // Half of the calls at most: where all are interrupted, nothing ever gets done.
  plan.per_mille = number("SLUICE_FAULT_RATE", 500, 100);
  const char* wanted = std::getenv("SLUICE_FAULT_KINDS");
  plan.kinds = kinds(wanted ? wanted : "short,eintr,eagain");
  plan.dice = (plan.seed + 1) * 0x9e3779b97f4a7c15;  // seeds lie close together, dice must not
  report("faults: seed %" PRIu64 "\n", plan.seed);
}

[[gnu::destructor]] void end() {
  const auto& n = plan.injected;
  report("faults: injected short=%lu eintr=%lu eagain=%lu reset=%lu nospace=%lu nofile=%lu\n", n[0],
         n[1], n[2], n[3], n[4], n[5]);
}

}  // namespace
}  // namespace sluice::fault
