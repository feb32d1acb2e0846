#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/chat/ring.h"
#include "protocols/chat/transcript.h"
#include "reactor/reactor.h"
#include "reactor/stream.h"

namespace sluice::chat {

class Room;

/// What all rooms share.
struct RoomOptions {
  std::size_t history_lines = 20;
  std::size_t max_lag = 1024 * 1024;  ///< bytes that a reader may be behind
  bool disconnect_slow = false;       ///< else it jumps to the newest line
  std::string transcripts = {};       ///< a directory; empty: none
};

/// A place in a room from which somebody reads. Part of a session; not movable.
class Reader {
 public:
  explicit Reader(Stream& stream) : stream_(&stream) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Room* room() const { return room_; }
  const std::string& nick() const { return nick_; }  ///< empty: none was given
  /// Something that only this one gets, whole lines; what it is in the middle of is ended first.
  void tell(std::string_view lines);
  /// What it is told from now on is put together in `lines`, which is empty, up to send_told().
  void gather_told(std::string& lines) { told_ = &lines; }
  void send_told();
  /// The Stream's on_drained.
  void on_drained();

 private:
  friend class Room;
  void write(std::string_view lines);

  Stream* stream_;
  std::string* told_ = nullptr;
  Room* room_ = nullptr;
  std::uint64_t entered_ = 0;  // where it came in
  std::uint64_t cursor_ = 0;   // how far it has read
  std::string nick_;
  std::unique_ptr<std::vector<Range>> skips_;  // beyond cursor_: what it is not to get, in order
  std::uint64_t lost_ = 0;                     // lines it has to be told of
  std::uint32_t place_ = 0;                    // in the room's readers
  std::uint32_t behind_place_ = kNowhere;      // in those behind
  std::uint32_t untold_place_ = kNowhere;      // in those of whose coming nobody was told yet
  static constexpr std::uint32_t kNowhere = UINT32_MAX;
};

/// Those who hear one another. What is said lies in one Ring, and each reader is a position in it:
/// nobody's slowness costs another anything, and memory is the ring's.
///
///     say() … say()   all that came in this turn
///     sweep()         at the end of the turn: one send for each reader
///
/// A reader whose socket is full is `behind` and left out of the sweeps until it has room. When the
/// ring has come round to it, it jumps to the newest line, or is closed. Nothing is destroyed
/// inside a sweep: a Stream that fails says so later.
class Room {
 public:
  /// `options` outlive it.
  Room(Reactor& reactor, std::string name, const RoomOptions& options);
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  const std::string& name() const { return name_; }
  const std::vector<Reader*>& readers() const { return readers_; }

  /// A reader without a nick hears what is said from now on; one with a nick gets the last lines
  /// first, and the others hear of it.
  void enter(Reader& reader);
  /// The last sends of what it has heard are tried; what does not go out counts as lost.
  void leave(Reader& reader);
  /// Gives a nick, of a reader that is here. The first one lets it in to notices and history.
  void rename(Reader& reader, std::string nick);

  /// A line, whole with its newline, to all but `from`, which is here.
  void say(Reader& from, std::string_view line);
  /// The same to all, from nobody who is here.
  void say(std::string_view line) { (void)remember(line); }

  /// Bytes of what was said that are kept.
  std::size_t memory() const { return ring_.capacity(); }

  /// Writes the transcript's lines; opens its file anew.
  void reopen_transcript();

 private:
  friend class Reader;
  enum class Line { said, notice };
  Range append(std::string_view line, Line kind);
  Range remember(std::string_view line);
  void make_room(std::size_t size);
  void shrink();
  void notice(std::string_view line, std::string_view about);
  bool may_tell_now();
  void tell_joined(Reader& reader);
  void tell_left(const Reader& reader);
  void set_untold(Reader& reader, bool untold);
  void announce_waiting();
  void end_pause();
  Duration arrivals_pause() const;
  void skip(Reader& reader, Range range);
  void replay(Reader& reader);

  void sweep_soon();
  void sweep();
  void deliver(Reader& reader);
  void advance(Reader& reader, std::size_t sent);
  void set_behind(Reader& reader, bool behind);
  void tell_lost(Reader& reader);
  void lapped(Reader& reader);
  void finish_line(Reader& reader);
  bool in_line(const Reader& reader) const;
  std::uint64_t lines_ahead(const Reader& reader) const;
  std::string text(Range range) const;

  std::string name_;
  const RoomOptions* options_;
  Ring ring_;
  std::vector<Reader*> readers_;
  std::vector<Reader*> behind_;
  std::uint64_t swept_ = 0;        // where every reader stands that is not behind
  std::uint64_t behind_from_ = 0;  // no reader behind stands before it
  std::size_t first_ = 0;          // of the next sweep
  std::size_t nicked_ = 0;
  std::deque<Range> lines_;      // the last ones that are no notices
  std::vector<Reader*> untold_;  // those with a nick of whose coming nobody was told yet
  /// How many, and the first's nick.
  struct Gone {
    std::uint32_t count = 0;
    std::string first;
    void add(const Reader& reader) {
      if (count++ == 0) first = reader.nick_;
    }
  };
  Gone left_;    // of whose going nobody was told yet
  Gone passed_;  // nor of their coming
  Timer arrivals_;
  bool quiet_ = true;  // no notice of arrivals within the last arrivals_pause()
  Timer sweep_;
  Timer shrink_;                 // armed while the ring is larger than at first
  std::uint64_t shrunk_at_ = 0;  // where the head was when it was looked at
  std::optional<Transcript> transcript_;
};

}  // namespace sluice::chat
