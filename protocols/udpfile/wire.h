#pragma once

#include <cstddef>
#include <string_view>

#include "reactor/clock.h"

/// The lecture's file over UDP. The sender's first datagram is the file's base name; the receiver
/// answers `OK`; the contents follow in datagrams, in order, and nothing more. Ours end with an
/// empty datagram; who does not send one is known to have ended by its silence alone. Nothing
/// numbers or acknowledges the contents: a loss, a copy or a swap on the way goes unseen.
namespace sluice::udpfile {

using namespace std::chrono_literals;

inline constexpr std::string_view kReady = "OK";

/// What the lecture's receiver takes by one call; with 28 bytes of headers it fits every network.
inline constexpr std::size_t kDatagramBytes = 1024;
inline constexpr std::size_t kMaxDatagramBytes = 65'507;

/// So long after its last datagram a sender counts as gone.
inline constexpr auto kSilence = 2s;

/// A name that is not answered is sent again. Not soon: the lecture's receiver would take the
/// second for contents when its OK was only late.
inline constexpr auto kNamePatience = 1s;
inline constexpr int kNameTries = 5;

/// The empty datagram may be lost as any other, and may overtake: it is sent so often, and late.
inline constexpr int kEnds = 3;
inline constexpr auto kEndPause = 50ms;

/// Bytes a second, as nothing else holds the sender back: a third of what 100 Mbit/s carry.
inline constexpr std::size_t kRate = 4'000'000;
/// What may go at once: far less than a receive buffer of the usual 208 KiB, which holds 90
/// datagrams of 1,024 bytes.
inline constexpr auto kBurst = 5ms;

}  // namespace sluice::udpfile
