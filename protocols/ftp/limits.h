#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sluice::ftp {

/// Ports for passive connections; 0 to 0 is any.
struct PortRange {
  std::uint16_t first = 0, last = 0;
};

}  // namespace sluice::ftp

/// The numbers of the FTP server that no option sets, each with its reason.
namespace sluice::ftp::limits {

using namespace std::chrono_literals;

/// How long a passive port stays open when no transfer asks for it.
inline constexpr auto kPassiveIdle = 60s;

/// So long the loop does not watch a passive port: a client that calls and asks for its transfer
/// within this time costs two system calls less.
inline constexpr auto kPassiveQuiet = 20ms;

/// Passive ports when no range was given: those beyond the ones from which Linux gives clients
/// theirs (ip(7), ip_local_port_range), so that none is in a client's way, nor its TIME_WAIT in
/// ours. When these are taken, whichever the kernel finds.
inline constexpr PortRange kAnyPort{61000, 65535};

/// Ports of the passive range that are tried at random before all are, in order.
inline constexpr int kRandomPorts = 8;

/// Connections that may wait on a passive port: one is wanted, the others are strangers' to be sent
/// away.
inline constexpr int kPassiveBacklog = 8;

/// The kernel's receive buffer of a control connection, so that one read of it is short: what comes
/// while a client does not take our replies is held.
inline constexpr int kControlReceiveBytes = 16 * 1024;

/// Replies to commands that came at once are held up to so many bytes, to be sent as one.
inline constexpr std::size_t kHeldReplyBytes = 4096;

/// Bytes of command lines that may wait for the end of a transfer; beyond, the client has to.
inline constexpr std::size_t kWaitingBytes = 16 * 1024;

/// The same before the log-in.
inline constexpr std::size_t kStrangerBytes = 1024;

/// The longest name one can log in by; of longer ones no more is kept.
inline constexpr std::size_t kUserName = 64;

/// Passwords of one address that are checked, or wait for it, at the same time: 18 ms each.
inline constexpr std::size_t kChecksPerAddress = 256;

/// Wrong passwords on one connection until it is closed.
inline constexpr unsigned kPasswordTries = 3;

/// Bytes of a file that are sent before its data connection is even registered with the loop.
inline constexpr std::size_t kAtOnceBytes = 128 * 1024;

/// Bytes of an upload that are taken and thrown away once it has failed here, so that its client
/// comes to read why.
inline constexpr std::uint64_t kPassOverBytes = 64 * 1024 * 1024;

/// Bytes that a client has sent on a connection on which it is to receive, taken out at its end.
inline constexpr std::size_t kDiscardBytes = 64 * 1024;

/// Bytes of a listing, or of a text file on its way, made in one turn.
inline constexpr std::size_t kChunkBytes = 64 * 1024;

/// Entries looked at in one turn; and when each is compared with a pattern, which may take long and
/// fit none.
inline constexpr int kEntriesPerTurn = 1000;
inline constexpr int kMatchesPerTurn = 100;

}  // namespace sluice::ftp::limits
