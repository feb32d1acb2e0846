#pragma once

#include <time.h>

#include <string_view>

#include "protocols/ftp/remote_entry.h"

/// The dialects of LIST, of which no standard says a word. The name counts most: a column that is
/// not understood is left out, as long as it is plain where the name begins.
namespace sluice::ftp {

/// What `ls -l` prints:
///
///     -rw-r--r--+  1 owner group   1234 Nov 21 13:02 name     blanks as wide as they like
///     -rw-r--r--   1 owner   1234 Nov 21  2024 name           any of links, owner, group left out
///     lrwxrwxrwx   1 owner group      6 2026-11-21 13:02 name -> target
///     crw-rw----   1 root tty      4, 64 21. Nov 13:02 tty    no size
///     -rw-r--r--   1 owner group   1234 Dez 21 13:02 name     no time: the month is not English
///     -rw-r--r--   1 owner group   1234 11월 21 13:02 name    nor is this, but it is a number
///
/// One blank parts the time from the name; more belong to the name. A time without a year is the
/// latest that is not more than a day after `now`.
LineKind parse_unix_line(std::string_view line, time_t now, RemoteEntry& entry);

/// What `dir` of MS-DOS prints, and IIS and other servers on Windows after it:
///
///     11-21-26  01:02PM       <DIR>          name
///     11-21-2026  13:02            1,234 name
///     2026-11-21  13:02       <SYMLINKD>     name [target]
LineKind parse_dos_line(std::string_view line, RemoteEntry& entry);

/// Easily Parsed List Format (cr.yp.to/ftp/list/eplf.html):
///
///     +i8388621.29609,m824255902,r,s1024,	name
LineKind parse_eplf_line(std::string_view line, RemoteEntry& entry);

/// Whether a line of LIST is empty or a sum: `total 12`, in any language.
bool is_no_entry(std::string_view line);

/// As a RemoteEntry begins; its strings keep their memory.
void clear_entry(RemoteEntry& entry);
/// Gives the entry its name, if it is one that an entry may have.
LineKind take_name(std::string_view name, RemoteEntry& entry);

}  // namespace sluice::ftp
