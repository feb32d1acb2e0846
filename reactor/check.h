#pragma once

#include <cstdio>
#include <cstdlib>

/// Stops the program with the condition and its place. For our own mistakes only, never for
/// anything that a peer or the system does. Always on: it costs a compare.
#define SLUICE_CHECK(condition)                                                          \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
