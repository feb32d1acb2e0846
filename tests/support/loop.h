#pragma once

#include <criterion/criterion.h>

#include <memory>
#include <string>
#include <utility>

#include "reactor/reactor.h"

/// One behaviour, held by all three selectors: makes a test of each, named after it. The body finds
/// the selector to use in `kind`.
#define TestEachSelector(suite, behaviour)                    \
  static void suite##_##behaviour(sluice::SelectorKind kind); \
  Test(suite, behaviour##_with_epoll) {                       \
    suite##_##behaviour(sluice::SelectorKind::epoll);         \
  }                                                           \
  Test(suite, behaviour##_with_poll) {                        \
    suite##_##behaviour(sluice::SelectorKind::poll);          \
  }                                                           \
  Test(suite, behaviour##_with_select) {                      \
    suite##_##behaviour(sluice::SelectorKind::select);        \
  }                                                           \
  static void suite##_##behaviour([[maybe_unused]] sluice::SelectorKind kind)

/// A selector of its own, without a Reactor.
inline std::unique_ptr<sluice::Selector> make(sluice::SelectorKind kind) {
  auto made = sluice::Selector::make(kind);
  cr_assert(made);
  return std::move(*made);
}

/// Turns the loop until `done()`; false when ten seconds of real time did not bring it.
template <class Predicate>
bool run_until(sluice::Reactor& reactor, Predicate done) {
  using namespace std::chrono_literals;
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    if (!reactor.run_once(1ms)) return false;
  }
  return true;
}

/// Turns the loop without waiting; what is ready gets its call.
inline void turn(sluice::Reactor& reactor, int times = 1) {
  for (int i = 0; i < times; ++i) cr_assert(reactor.run_once(sluice::Duration::zero()));
}
