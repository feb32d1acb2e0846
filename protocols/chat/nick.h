#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace sluice::chat {

/// A name that is unlike every other to the eye, as far as that can be had without tables of a
/// megabyte: 1 to kMaxNickLetters characters, letters of any script in use, the digits 0 to 9 and
/// `-`, `_`, `.`, not beginning with `-` or `.`; no blanks, no invisible characters, marks only on
/// letters and not in towers, no `:` and `*`, which stand in our lines, not just a number,
/// which would stand in `* 12 joined`, and no word with which our lines begin. All letters are of
/// one script, Latin and Han beside Hangul or kana being allowed (Unicode TS 39, section 5.2,
/// "highly restrictive"): a Cyrillic `а` among Latin letters is refused. Latin letters beyond ASCII
/// pass; full-width forms and letter-like symbols do not. The error is a short sentence for the
/// user. Two spellings of one accented letter, in one code point or in two, remain two names.
inline constexpr std::size_t kMaxNickLetters = 20;
std::expected<void, std::string> check_nick(std::string_view nick);

/// The same for a room, which may be a number.
inline constexpr std::size_t kMaxRoomLetters = 30;
std::expected<void, std::string> check_room(std::string_view room);

/// Two names with the same fold are the same name to the eye: without the case of ASCII letters,
/// without blanks and what is invisible, and letters that look like ASCII ones replaced by them, be
/// they Cyrillic, Greek, Armenian, full-width or styled.
std::string fold(std::string_view name);

/// Whether `* NICK` and this, as /me says it, look like what the server tells of somebody: that he
/// joined, left, has another name now, or that his name is taken.
bool tells_as_server(std::string_view deed);
/// Whether a line begins, to the eye, like one of the server's own: with a `*` and a blank.
bool looks_like_notice(std::string_view line);
/// Who seems to say a line, folded: what stands before the first colon, or before ` (private)` and
/// it. Empty when that is too long to be anybody.
std::string seeming_speaker(std::string_view line);

/// Another name for one that is allowed but taken: NAME_2, NAME_3 …, from `attempt` 2 on, cut so
/// that it is allowed.
std::string alternative(std::string_view nick, unsigned attempt);

}  // namespace sluice::chat
