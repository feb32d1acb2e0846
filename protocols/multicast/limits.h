#pragma once

#include <chrono>
#include <cstddef>

/// The numbers of multicast that no option sets, each with its reason.
namespace sluice::multicast::limits {

using namespace std::chrono_literals;

/// What waits in the kernel while the loop is busy: 40 ms of 100 MB/s. Without CAP_NET_ADMIN the
/// kernel grants at most net.core.rmem_max.
inline constexpr std::size_t kReceiveBuffer = 4 * 1024 * 1024;

/// Bytes that wait for a program or a pipe which does not read; beyond it datagrams are dropped.
inline constexpr std::size_t kPipeBytes = 4 * 1024 * 1024;

/// A program that has ended is started again for the next datagram, but not before so long.
inline constexpr auto kProgramPause = 1s;

/// Where the kernel has no pidfd_open(2), it is asked so often whether a program has ended.
inline constexpr auto kProgramPoll = 200ms;

/// Lines of the log that datagrams may take in a second, and bytes of one.
inline constexpr unsigned kLogLines = 50;
inline constexpr std::size_t kLogBytes = 400;

/// After a stall a paced sender makes up for so much time, no more: a burst is no probe.
inline constexpr auto kCatchUp = 50ms;

/// How long a snooping switch remembers a membership that nobody asks for: two reports within it.
inline constexpr auto kRenewSilent = 120s;

}  // namespace sluice::multicast::limits
