#pragma once

#include <time.h>

#include <string>
#include <string_view>

#include "reactor/error.h"
#include "reactor/fd.h"

namespace sluice::chat {

/// What was said in a room, appended to a file: `2026-11-21 13:02:07 NICK: text`, local time. Lines
/// are held until flush(), which writes them with one call; a full disk costs lines of the file and
/// is logged once, until it works again, and never troubles the room. Every line begins on a line
/// of its own, also after half of another that a full disk or a crash has left. Not movable.
class Transcript {
 public:
  /// `DIRECTORY/ROOM.log`, opened (or made, mode 0600) when there is something to write, and not
  /// when that is a link or no regular file; `room` has passed check_room().
  Transcript(std::string_view directory, std::string_view room);
  Transcript(const Transcript&) = delete;
  Transcript& operator=(const Transcript&) = delete;
  /// Writes what is held.
  ~Transcript() { flush(); }

  /// A line with its newline, said now.
  void add(std::string_view line);
  /// A notice, likewise: no reason to make a file before something is said.
  void note(std::string_view line);
  void flush();
  /// Another file may have been put in its place (log rotation): what is held goes to the old one.
  /// When the new one cannot be opened, that is logged and the old one is kept.
  void reopen();

 private:
  void hold(std::string_view line);
  Result<void> open_file();
  Result<void> write_held();

  std::string path_;
  Fd file_;
  std::string held_;
  bool said_ = false;     // something, ever
  bool torn_ = false;     // the file ends within a line
  bool failing_ = false;  // and that has been logged
  time_t stamped_ = -1;   // the second that stamp_ tells
  std::string stamp_;
};

}  // namespace sluice::chat
