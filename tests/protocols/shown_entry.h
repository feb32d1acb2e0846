#pragma once

#include <criterion/criterion.h>

#include <string>
#include <string_view>

#include "protocols/ftp/remote_entry.h"
#include "protocols/ftp/timestamp.h"
#include "reactor/printable.h"
#include "reactor/text.h"

namespace sluice::ftp {

/// A line's meaning as a text: `link <name> size=1 modify=20261121130200 exact mode=0644 ->
/// target`, `nothing`, `bad`.
inline std::string shown(LineKind kind, const RemoteEntry& entry) {
  if (kind == LineKind::nothing) return "nothing";
  if (kind == LineKind::bad) return "bad";
  constexpr std::string_view kTypes[] = {"file", "dir", "link", "other"};
  std::string text = concat(kTypes[static_cast<int>(entry.type)], " <", entry.name, '>');
  if (entry.size) text += concat(" size=", *entry.size);
  if (entry.modified) {
    text += " modify=";
    append_timestamp(text, entry.modified->tv_sec);
    if (entry.modified->tv_nsec != 0) text += concat('.', entry.modified->tv_nsec);
  }
  if (entry.exact) text += " exact";
  if (entry.mode) {
    text += " mode=";
    for (int shift = 9; shift >= 0; shift -= 3)
      text += static_cast<char>('0' + ((*entry.mode >> shift) & 7));
  }
  if (!entry.target.empty()) text += concat(" -> ", entry.target);
  return text;
}

/// An entry whose every member has to be set anew.
inline RemoteEntry used_entry() {
  return {.name = "old",
          .type = RemoteEntry::Type::link,
          .size = 7,
          .modified = timespec{7, 7},
          .exact = true,
          .mode = 7,
          .target = "old"};
}

inline void expect_text(std::string_view line, const std::string& got, std::string_view expected) {
  cr_expect(got == expected, "\"%s\" is \"%s\", expected \"%s\"", printable(line).c_str(),
            printable(got).c_str(), std::string(expected).c_str());
}

}  // namespace sluice::ftp
