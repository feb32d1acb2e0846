#pragma once

#include <chrono>
#include <cstddef>

/// The numbers of the chat server that no option sets, each with its reason.
namespace sluice::chat::limits {

using namespace std::chrono_literals;

/// A room's ring begins so small, as most rooms are quiet, and doubles when a reader would be
/// lapped or more comes in one turn.
inline constexpr std::size_t kFirstRingBytes = 16 * 1024;

/// A ring that grew is looked at so often, and becomes as small as what was said since the last
/// look allows, with room for four times that.
inline constexpr auto kRingRest = 30s;
inline constexpr std::size_t kRingReserve = 4;

/// Who is to go and takes nothing, not even the words why, keeps its place so long.
inline constexpr auto kClosingStall = 5s;

/// After a notice of who came or went, those that follow within this time become one.
inline constexpr auto kArrivalsPause = 500ms;
/// For each reader with a nick it lasts at least so long: such notices cost a thousand sends a
/// second at most, however large the room.
inline constexpr auto kArrivalsPauseEach = 1ms;

/// What a new reader gets of the history, at most: the rest of the lines is too old.
inline constexpr std::size_t kReplayBytes = 16 * 1024;

/// Pieces of a ring that one send takes; a reader that has said more lines between others' gets
/// more sends.
inline constexpr std::size_t kSendPieces = 16;

/// Answers that wait for a client which does not read: then nothing more is read from it, and what
/// others want to tell it is refused.
inline constexpr std::size_t kAnswerBytes = 64 * 1024;

/// Answers to what came together go out together, up to so many bytes.
inline constexpr std::size_t kGatheredBytes = 16 * 1024;

/// Names in an answer to /who or /rooms; the rest is counted.
inline constexpr std::size_t kNamesInAnswer = 100;

/// A room costs memory even when it is empty.
inline constexpr std::size_t kMaxRooms = 1000;

}  // namespace sluice::chat::limits
