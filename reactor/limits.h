#pragma once

#include <chrono>
#include <cstddef>

/// Every budget, cap and timeout of the reactor, each with its reason.
/// A budget ends a callback early, never an exchange: the selectors are level-triggered and bring
/// the rest back in the next turn.
namespace sluice::limits {

using namespace std::chrono_literals;

/// Bytes of the one buffer all streams read through, hence the most that one connection is read per
/// turn. Larger reads cost fewer system calls, smaller ones stay in the cache: see bench/README.md.
inline constexpr std::size_t kReadBufferBytes = 256 * 1024;

/// Bytes one connection may send per turn from memory, so that a fast reader does not hold the
/// loop.
inline constexpr std::size_t kWriteBudgetBytes = 256 * 1024;

/// Bytes one connection may send per turn by sendfile; the kernel copies nothing, and a socket
/// takes little more, so that it stays fair: see bench/README.md.
inline constexpr std::size_t kSendfileBudgetBytes = 4 * 1024 * 1024;

/// Pieces of one writev; far below IOV_MAX (1024), enough to fill a socket buffer.
inline constexpr std::size_t kWritePieces = 64;

/// Connections accepted per turn and listener: a connect storm shares the loop with the connected.
inline constexpr int kAcceptsPerTurn = 32;

/// How long a listener rests when descriptors or memory have run out; long enough not to spin,
/// short enough that a waiting client does not notice.
inline constexpr auto kAcceptPause = 100ms;

/// Spells without descriptors that follow one another this closely are told as one.
inline constexpr auto kExhaustedQuiet = 10s;

/// Connections waiting in the kernel's listen queue; the kernel caps it at net.core.somaxconn.
inline constexpr int kListenBacklog = 4096;

/// Output queued above kHighMark asks the owner to pause, at or below kLowMark to go on.
inline constexpr std::size_t kHighMark = 64 * 1024;
inline constexpr std::size_t kLowMark = 16 * 1024;

/// Bytes that may be queued to one connection before its policy acts: no owner who heeds
/// backpressure comes near.
inline constexpr std::size_t kWriteCap = 8 * 1024 * 1024;

/// Bytes of one own piece of the output queue: small writes are put together up to this size.
inline constexpr std::size_t kPieceBytes = 16 * 1024;

/// After the last byte and our FIN, what the peer still sends is read and thrown away, so that the
/// kernel does not answer it with a reset that destroys our reply. These bound the patience.
inline constexpr auto kLingerIdle = 2s;
inline constexpr auto kLingerTotal = 10s;
inline constexpr std::size_t kLingerBytes = 1024 * 1024;

/// How long a client of a service may take nothing of what waits for it: it holds memory.
inline constexpr auto kStallTimeout = 60s;

/// The same for a closing connection whose owner set no stall timeout: nobody is there any more to
/// notice that it hangs.
inline constexpr auto kClosingStall = 60s;

/// A connection over which nothing comes is asked after a minute whether the peer still lives, and
/// is ended after another: the kernel's own defaults are two hours (tcp(7)).
inline constexpr std::chrono::duration<int> kKeepaliveIdle = 60s;
inline constexpr std::chrono::duration<int> kKeepaliveInterval = 10s;
inline constexpr int kKeepaliveProbes = 6;

/// Datagrams of one socket read per turn, by one call: beyond it a longer batch gains nothing.
inline constexpr std::size_t kDatagramBatch = 64;

/// The longest UDP datagram there can be, IPv6 included: its length field has 16 bits (RFC 768).
inline constexpr std::size_t kDatagramBytes = 65535;

/// Ready events collected per turn; more are collected in the next, round robin by the kernel.
inline constexpr int kEventsPerTurn = 512;

/// A failed change of interest (ENOMEM, ENOSPC) is tried again after this long.
inline constexpr auto kInterestRetry = 100ms;

/// Rounds of posted calls and retired objects that run() still serves after stop().
inline constexpr int kFinalRounds = 100;

}  // namespace sluice::limits
