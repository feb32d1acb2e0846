#pragma once

#include <time.h>

#include <string>
#include <string_view>

#include "protocols/files/file_info.h"
#include "protocols/ftp/utc_time.h"

namespace sluice::ftp {

/// Writes the lines of LIST, as `ls -ln` prints them, in UTC: what clients have parsed ever since.
///
///     drwxr-xr-x    2 1000     1000             4096 Nov 21 13:02 name
///     lrwxrwxrwx    1 1000     1000                4 Nov 21  2024 link -> target
///
/// The time of day stands in for the year when the file is at most 180 days old and not more than
/// a day in the future. CR LF ends a line, and one space precedes a name, which may begin with
/// spaces of its own. Keeps the date of the last line, which most lines share.
class ListWriter {
 public:
  explicit ListWriter(time_t now) : now_(now) {}

  /// `target` of a link; empty: not known.
  void append(std::string& out, const files::FileInfo& info, std::string_view name,
              std::string_view target = {});

 private:
  time_t now_;
  UtcClock clock_;
};

}  // namespace sluice::ftp
