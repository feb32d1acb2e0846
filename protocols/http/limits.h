#pragma once

#include <chrono>
#include <cstddef>

/// The numbers of the HTTP server that no option sets, each with its reason.
namespace sluice::http::limits {

using namespace std::chrono_literals;

/// The whole head of a request, line ends included. Browsers with many cookies send 4 KiB, and what
/// waits for its end is memory that a stranger holds.
inline constexpr std::size_t kHeadBytes = 8 * 1024;

/// The request line alone: beyond it the answer is 414, which names the part that is too long.
inline constexpr std::size_t kLineBytes = 4 * 1024;

/// Lines of a head: each costs two strings.
inline constexpr std::size_t kHeaders = 100;

/// The body of a request. Nothing here takes one, so it is read only to find the next request.
inline constexpr std::size_t kBodyBytes = 64 * 1024;

/// From the first byte of a request to its last; also from connecting to the first byte. A browser
/// sends a request as one packet, so that this is what a person's bad connection needs.
inline constexpr auto kRequestTime = 10s;

/// How long a connection that has had its answer may wait with the next request: most browsers end
/// theirs later, Prometheus asks every 15 to 60 s.
inline constexpr auto kIdleTime = 60s;

/// Requests of one connection answered in a turn: a client that sends thousands at once shares the
/// loop with all others.
inline constexpr std::size_t kRequestsPerTurn = 16;

}  // namespace sluice::http::limits
