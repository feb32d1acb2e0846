#include "protocols/ftp/list_line.h"

#include <sys/stat.h>

#include <cstdint>

#include "protocols/ftp/line_buffer.h"
#include "protocols/ftp/reply.h"

namespace sluice::ftp {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kRecent = 180 * kDay;

char type_letter(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return 'd';
    case S_IFLNK:
      return 'l';
    case S_IFCHR:
      return 'c';
    case S_IFBLK:
      return 'b';
    case S_IFIFO:
      return 'p';
    case S_IFSOCK:
      return 's';
    default:
      return '-';
  }
}

/// Three letters of who may do what. The last also tells of a `special` bit (set-user-id,
/// set-group-id, sticky): small where it may be executed as well, else big.
void put_rights(LineBuffer& line, mode_t bits, std::string_view special) {
  constexpr std::string_view kRights = "-----x-w--wxr--r-xrw-rwx";
  const std::string_view rights = kRights.substr(3 * (bits & 7), 3);
  line.put(rights.substr(0, 2));
  line.put(special.empty() ? rights[2] : special[bits & 1]);
}

void put_mode(LineBuffer& line, mode_t mode) {
  line.put(type_letter(mode));
  put_rights(line, mode >> 6, (mode & S_ISUID) != 0 ? "Ss" : "");
  put_rights(line, mode >> 3, (mode & S_ISGID) != 0 ? "Ss" : "");
  put_rights(line, mode, (mode & S_ISVTX) != 0 ? "Tt" : "");
}

void put_date(LineBuffer& line, const UtcTime& time, bool recent) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  line.put(kMonths.substr(3 * (time.month - 1), 3));
  line.put(' ');
  line.put_right(time.day, 2);
  line.put(' ');
  if (recent) {
    line.put_two(time.hour);
    line.put(':');
    line.put_two(time.minute);
  } else {
    line.put(' ');
    line.put_four(time.year);
  }
}

}  // namespace

void ListWriter::append(std::string& out, const files::FileInfo& info, std::string_view name,
                        std::string_view target) {
  const time_t modified = info.modified.tv_sec;
  const bool recent = modified >= now_ - kRecent && modified <= now_ + kDay;
  LineBuffer line;
  put_mode(line, info.mode);
  line.put(' ');
  line.put_right(info.links, 4);
  line.put(' ');
  line.put_left(info.owner, 8);
  line.put(' ');
  line.put_left(info.group, 8);
  line.put(' ');
  line.put_right(info.size, 12);
  line.put(' ');
  put_date(line, clock_.at(modified), recent);
  line.put(' ');
  out.append(line.text());
  append_safe_name(out, name);
  if (info.is_link() && !target.empty()) {
    out.append(" -> ");
    append_safe_name(out, target);
  }
  out.append("\r\n");
}

}  // namespace sluice::ftp
