#pragma once

#include <time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "reactor/text.h"

namespace sluice::ftp {

/// A line of a listing, as a client understands it.
struct RemoteEntry {
  enum class Type : std::uint8_t { file, directory, link, other };
  std::string name;  ///< one path component: never empty, `.` or `..`, without `/` and NUL
  Type type = Type::file;
  std::optional<std::uint64_t> size;  ///< where told; of a directory or a link not of what is in it
  /// Of MLSD and EPLF: exact, in UTC. Else of LIST: to the minute or the day, in the server's zone,
  /// which nobody knows; `exact` is false.
  std::optional<timespec> modified;
  bool exact = false;
  std::optional<unsigned> mode;  ///< permission bits, to 07777
  std::string target;            ///< of a link, where told: any text
};

/// What a line of a listing was.
enum class LineKind : std::uint8_t {
  entry,
  nothing,  ///< `total 12`, `.`, `..`, cdir, pdir, an empty line
  bad,      ///< no entry can be made of it, or its name is none (`a/b`, `..` as a file, a NUL)
};

/// A line of MLSD (RFC 3659 section 7.2), without its end: facts in any order and case, unknown
/// ones and bad values passed over. Without a type it is Type::other.
///
/// The line of an MLST reply is the same after its first space. It may name a whole path, which is
/// `bad` here; all but the name is filled in whatever the name.
LineKind parse_facts_line(std::string_view line, RemoteEntry& entry);

/// A line of LIST, without its end, in one of the dialects that servers speak: list_parser.h. `now`
/// tells the year of a line without one.
LineKind parse_list_line(std::string_view line, time_t now, RemoteEntry& entry);

/// Takes the lines out of a listing's bytes; CR LF or LF ends them. Holds at most one line of
/// kMaxLineBytes, its CR counted; a longer one is `bad`, thrown away up to its end.
class ListingReader {
 public:
  static constexpr std::size_t kMaxLineBytes = 16 * 1024;
  enum class Format : std::uint8_t {
    facts,  ///< MLSD
    list,   ///< LIST
    names,  ///< NLST: a name a line; only the last component of a path counts. What has a name is
            ///< a file, or a directory if a `/` ends it
  };

  ListingReader(Format format, time_t now) : now_(now), format_(format) {}

  /// Takes all of `bytes`; calls `take(const RemoteEntry&)` for each entry, which must not end
  /// the reader.
  template <class Take>
  void feed(std::span<const std::byte> bytes, Take&& take) {
    for (std::string_view rest = as_text(bytes); !rest.empty();) {
      rest.remove_prefix(take_piece(rest));
      if (has_entry_) take(std::as_const(entry_));
    }
  }
  /// The end: a last line without an end counts.
  template <class Take>
  void finish(Take&& take) {
    end_held_line();
    if (has_entry_) take(std::as_const(entry_));
  }

  std::uint64_t entries() const { return entries_; }
  /// Lines of which no entry could be made, and the first of them, cut to 80 bytes.
  std::uint64_t bad_lines() const { return bad_lines_; }
  std::string_view first_bad() const { return first_bad_; }

 private:
  std::size_t take_piece(std::string_view bytes);
  void hold(std::string_view piece);
  void end_held_line();
  void end_line(std::string_view line);
  LineKind parse(std::string_view line);
  void note_bad(std::string_view line);

  RemoteEntry entry_;  // of the last line, if has_entry_
  std::string held_;   // a line that came in pieces
  std::string first_bad_;
  std::uint64_t entries_ = 0;
  std::uint64_t bad_lines_ = 0;
  time_t now_;
  Format format_;
  bool too_long_ = false;  // the line in held_
  bool has_entry_ = false;
};

}  // namespace sluice::ftp
