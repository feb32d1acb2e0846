#include "protocols/chat/nick.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "protocols/chat/scripts.h"
#include "reactor/text.h"
#include "reactor/utf8.h"

namespace sluice::chat {
namespace {

/// Marks on one letter: of those for any script, which would make towers; and of its own script's,
/// where Burmese has syllables with four.
constexpr int kMaxCommonMarks = 2;
constexpr int kMaxMarks = 4;

bool contains(std::span<const CodeRange> ranges, char32_t c) {
  return std::ranges::any_of(ranges, [c](CodeRange r) { return c >= r.first && c <= r.last; });
}

bool is_digit(char32_t c) {
  return c >= '0' && c <= '9';
}

constexpr std::string_view kMarksOfOurs = "-_.";

bool is_mark_of_ours(char32_t c) {
  return c < 0x80 && kMarksOfOurs.contains(static_cast<char>(c));
}

// --- scripts -------------------------------------------------------------------------------------

std::optional<Script> script_of(char32_t c) {
  const auto* found =
      std::ranges::find_if(kScripts, [c](auto ranges) { return contains(ranges, c); });
  if (found == std::end(kScripts)) return std::nullopt;
  return static_cast<Script>(found - kScripts);
}

using Scripts = std::uint32_t;
static_assert(std::size(kScripts) <= 32);

constexpr Scripts bit(Script script) {
  return Scripts{1} << static_cast<unsigned>(script);
}

/// Those that one language writes side by side (Unicode TS 39, section 5.2, "highly restrictive").
constexpr Scripts kTogether[] = {
    bit(Script::latin) | bit(Script::han) | bit(Script::kana),
    bit(Script::latin) | bit(Script::han) | bit(Script::hangul),
    bit(Script::latin) | bit(Script::han) | bit(Script::bopomofo),
};

bool go_together(Scripts scripts) {
  if ((scripts & (scripts - 1)) == 0) return true;
  return std::ranges::any_of(kTogether, [&](Scripts one) { return (scripts & ~one) == 0; });
}

// --- what is refused -----------------------------------------------------------------------------

constexpr CodeRange kBlanks[] = {
    {0x09, 0x09},     {0x20, 0x20},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
    {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x2800, 0x2800}, {0x3000, 0x3000}};
constexpr CodeRange kInvisible[] = {
    {0xad, 0xad},       {0x34f, 0x34f},    {0x61c, 0x61c},   {0x115f, 0x1160}, {0x17b4, 0x17b5},
    {0x180b, 0x180f},   {0x200b, 0x200f},  {0x202a, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164},
    {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},  {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};
constexpr CodeRange kEmoji[] = {{0x20e3, 0x20e3},   {0x231a, 0x231b},  {0x23e9, 0x23fa},
                                {0x2600, 0x27bf},   {0x2b05, 0x2b55},  {0x1f000, 0x1f0ff},
                                {0x1f1e6, 0x1f1ff}, {0x1f201, 0x1faff}};
constexpr CodeRange kLookAlike[] = {{0xaa, 0xaa},     {0xba, 0xba},       {0x2070, 0x209f},
                                    {0x2100, 0x218b}, {0x2460, 0x24ff},   {0x3200, 0x33ff},
                                    {0xf900, 0xfaff}, {0xfb00, 0xfdff},   {0xfe70, 0xfefe},
                                    {0xff01, 0xffef}, {0x1d400, 0x1d7ff}, {0x1f100, 0x1f1e5}};

// --- what looks alike ----------------------------------------------------------------------------

/// Letters that look like an ASCII one, and below each which, in lower case (after Unicode TS 39).
constexpr std::u32string_view kAlike =
    U"аАВеЕѕЅіІјЈкКмМНоОрРсСТуУхХѵѴԁԛԚԝԜһҺӀӏзЗ"
    U"αΑΒΕΖΗιΙκΚΜΝνοΟρΡΤΥυΧχγσϲ"
    U"օՕոսհց"
    U"ɑıɡɩʏᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡᴢ";
constexpr std::string_view kPlain =
    "aabeessiijjkkmmhooppcctyyxxvvdqqwwhhll33"
    "aabezhiikkmnvoopptyuxxyoc"
    "oonuhg"
    "aigiyabcdefghijklmnoprstuvwz";
static_assert(kAlike.size() == kPlain.size());

constexpr std::u32string_view kColons =
    U":\u02d0\u02f8\u0589\u05c3\u2236\ua789\ufe13\ufe30\ufe55\uff1a";
constexpr std::u32string_view kStars = U"*\u066d\u204e\u2217\u22c6\u2731\ufe61\uff0a";

bool is_unseen(char32_t c) {
  return contains(kBlanks, c) || contains(kInvisible, c);
}

/// A plain character that `c` looks like, or `c`.
char32_t shape_of(char32_t c) {
  if (c >= 0xff01 && c <= 0xff5e) c -= 0xfee0;  // full-width
  if (c >= 'A' && c <= 'Z') return c + ('a' - 'A');
  if (c < 0x80) return c;
  if (c >= 0x24b6 && c <= 0x24e9) return 'a' + (c - 0x24b6) % 26;     // in circles
  if (c >= 0x1d400 && c <= 0x1d6a3) return 'a' + (c - 0x1d400) % 26;  // bold, italic, script …
  if (c >= 0x1d7ce && c <= 0x1d7ff) return '0' + (c - 0x1d7ce) % 10;
  const std::size_t at = kAlike.find(c);
  return at == kAlike.npos ? c : static_cast<unsigned char>(kPlain[at]);
}

void append_shape(std::string& folded, char32_t c, std::string_view bytes) {
  if (is_unseen(c)) return;
  const char32_t shape = shape_of(c);
  shape < 0x80 ? void(folded += static_cast<char>(shape)) : void(folded += bytes);
}

// --- what is the server's ------------------------------------------------------------------------

/// What follows `* ` in its answers and notices, and what it might be called.
constexpr std::string_view kServersWords[] = {
    "give",   "goodbye", "in",  "no",    "rooms", "server", "slow",  "sluice",
    "system", "that",    "the", "there", "too",   "what",   "which", "you"};

/// Dots and dashes around it are overlooked.
bool is_servers_word(std::string_view nick) {
  const std::string folded = fold(nick);
  const std::size_t first = std::min(folded.find_first_not_of(kMarksOfOurs), folded.size());
  const std::size_t last = folded.find_last_not_of(kMarksOfOurs) + 1;
  const std::string_view word =
      std::string_view(folded).substr(first, last - std::min(first, last));
  return std::ranges::find(kServersWords, word) != std::end(kServersWords);
}

/// What stands between blanks, each folded; what is invisible does not count as a word.
std::vector<std::string> folded_words(std::string_view text) {
  std::vector<std::string> words(1);
  while (!text.empty()) {
    const CodePoint next = first_code_point(text);
    if (!contains(kBlanks, next.value)) {
      append_shape(words.back(), next.value, text.substr(0, next.bytes));
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
    text.remove_prefix(next.bytes);
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

// --- a name --------------------------------------------------------------------------------------

struct Kind {
  std::string_view what;  // "a nick"
  std::size_t max_letters;
};

std::string hex(char32_t c) {
  std::string digits;
  for (int shift = 20; shift >= 0; shift -= 4) {
    if (shift < 16 || c >> shift != 0) digits += "0123456789ABCDEF"[c >> shift & 15];
  }
  return digits;
}

std::string why_refused(char32_t c, std::string_view what) {
  if (c == 0xfffd) return concat(what, " must be valid UTF-8");
  if (contains(kBlanks, c)) return concat(what, " has no blanks");
  if (contains(kInvisible, c)) return concat(what, " has no invisible characters");
  if (contains(kEmoji, c)) return concat(what, " has no emoji, only letters and digits");
  if (contains(kLookAlike, c)) {
    return concat(what, " has no full-width, styled or ligature letters, only plain ones");
  }
  const std::string shown =
      c > 0x20 && c < 0x7f ? concat('"', static_cast<char>(c), '"') : concat("U+", hex(c));
  return concat(what, " has letters, the digits 0 to 9, \"-\", \"_\" and \".\", but not ", shown);
}

/// What has been seen of a name, up to some character.
struct Seen {
  std::size_t letters = 0;  // characters of any kind
  Scripts scripts = 0;
  int marks = -1;  // on the last letter; -1: there is none that could bear one
};

std::expected<void, std::string> see(Seen& seen, char32_t c, std::string_view what) {
  const auto refuse = [&](const auto&... why) { return std::unexpected(concat(what, why...)); };
  if (is_digit(c) || is_mark_of_ours(c)) {
    if (seen.letters++ == 0 && (c == '-' || c == '.')) {
      return refuse(" must not begin with \"", static_cast<char>(c), '"');
    }
    seen.marks = -1;
    return {};
  }
  const auto script = script_of(c);
  if (!script) return std::unexpected(why_refused(c, what));
  ++seen.letters;
  if (*script != Script::common) seen.scripts |= bit(*script);
  if (!go_together(seen.scripts)) return refuse(" must not mix letters of different scripts");
  if (!contains(kMarks, c)) {
    seen.marks = 0;
    return {};
  }
  if (seen.marks < 0) return refuse(" has marks only on letters");
  const int most = *script == Script::common ? kMaxCommonMarks : kMaxMarks;
  if (++seen.marks > most) return refuse(" has too many marks on one letter");
  return {};
}

std::expected<void, std::string> check(std::string_view name, const Kind& kind) {
  if (name.empty()) return std::unexpected(concat(kind.what, " must not be empty"));
  Seen seen;
  while (!name.empty()) {
    const CodePoint next = first_code_point(name);
    if (auto allowed = see(seen, next.value, kind.what); !allowed) return allowed;
    if (seen.letters > kind.max_letters) {
      return std::unexpected(concat(kind.what, " has at most ", kind.max_letters, " characters"));
    }
    name.remove_prefix(next.bytes);
  }
  return {};
}

}  // namespace

std::expected<void, std::string> check_nick(std::string_view nick) {
  if (auto allowed = check(nick, {"a nick", kMaxNickLetters}); !allowed) return allowed;
  // It would be taken for the number of those who came: "* 12 joined".
  if (std::ranges::all_of(nick, is_digit)) return std::unexpected("a nick is not just a number");
  if (is_servers_word(nick)) {
    return std::unexpected("a nick is not a word that the server's own lines begin with");
  }
  return {};
}

std::expected<void, std::string> check_room(std::string_view room) {
  return check(room, {"a room's name", kMaxRoomLetters});
}

std::string fold(std::string_view name) {
  std::string folded;
  while (!name.empty()) {
    const CodePoint next = first_code_point(name);
    append_shape(folded, next.value, name.substr(0, next.bytes));
    name.remove_prefix(next.bytes);
  }
  return folded;
}

bool tells_as_server(std::string_view deed) {
  const std::vector<std::string> words = folded_words(deed);
  const auto begins = [&](std::initializer_list<std::string_view> phrase) {
    return words.size() >= phrase.size() &&
           std::ranges::equal(phrase, std::span(words).first(phrase.size()));
  };
  if (words.size() == 1) return begins({"joined"}) || begins({"left"});
  if (words.size() == 3 && (begins({"is", "now"}) || begins({"does", "not", "read"}))) return true;
  return begins({"is", "taken;"});
}

bool looks_like_notice(std::string_view line) {
  bool star = false;
  while (!line.empty()) {
    const char32_t c = first_code_point(line).value;
    if (star) return is_unseen(c);
    star = kStars.contains(c);
    if (!star && !is_unseen(c)) return false;
    line.remove_prefix(first_code_point(line).bytes);
  }
  return star;
}

std::string seeming_speaker(std::string_view line) {
  constexpr std::string_view kPrivate = "(private)";
  std::string folded;
  while (!line.empty() && folded.size() <= kMaxNickLetters * 4 + kPrivate.size()) {
    const CodePoint next = first_code_point(line);
    if (kColons.contains(next.value)) {
      if (folded.ends_with(kPrivate)) folded.resize(folded.size() - kPrivate.size());
      return folded;
    }
    append_shape(folded, next.value, line.substr(0, next.bytes));
    line.remove_prefix(next.bytes);
  }
  return {};
}

std::string alternative(std::string_view nick, unsigned attempt) {
  const std::string number = concat('_', attempt);
  std::size_t kept = 0;
  for (std::size_t letters = number.size(); kept < nick.size() && letters < kMaxNickLetters;
       ++letters) {
    kept += first_code_point(nick.substr(kept)).bytes;
  }
  return concat(nick.substr(0, kept), number);
}

}  // namespace sluice::chat
