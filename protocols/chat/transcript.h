#pragma once

#include <time.h>

#include <string>
#include <string_view>
#include <utility>

#include "reactor/error.h"
#include "reactor/fd.h"

namespace sluice::chat {

/// What was said in a room, appended to a file: `2026-11-21 13:02:07 NICK: text`, local time. Lines
/// are held until flush(), which writes them with one call; a full disk costs lines of the file and
/// is logged once, until it works again, and never troubles the room. Every line begins on a line
/// of its own, also after half of another that a full disk or a crash has left. Move-only.
class Transcript {
 public:
  /// Opens (or makes, mode 0600) `DIRECTORY/ROOM.log`; `room` has passed check_room().
  /// ENOTSUP when that is there but is no regular file, ELOOP when it is a link.
  static Result<Transcript> open(const std::string& directory, std::string_view room);
  Transcript(Transcript&&) = default;
  /// Writes what is held.
  ~Transcript() { flush(); }

  /// A line with its newline, said now.
  void add(std::string_view line);
  void flush();
  /// Another file may have been put in its place (log rotation): what is held goes to the old one.
  /// When the new one cannot be opened, that is logged and the old one is kept.
  void reopen();

 private:
  explicit Transcript(std::string path) : path_(std::move(path)) {}
  Result<void> open_file();
  Result<void> write_held();

  std::string path_;
  Fd file_;
  std::string held_;
  bool torn_ = false;     // the file ends within a line
  bool failing_ = false;  // and that has been logged
  time_t stamped_ = -1;   // the second that stamp_ tells
  std::string stamp_;
};

}  // namespace sluice::chat
