#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace sluice::ftp {

/// The longest command line, without its end: a path of PATH_MAX (4,096 bytes) and what goes with
/// it, twice over.
inline constexpr std::size_t kMaxLine = 8192;

/// Takes the control connection's bytes apart: telnet commands (RFC 854, as RFC 959 section 5.3 and
/// RFC 1123 section 4.1.2.12 want them) out of the stream, then lines that end with CR LF or LF.
///
///     while (!bytes.empty()) {
///       bytes = bytes.subspan(reader.feed(bytes));
///       if (reader.has_line()) act_on(reader.line());
///     }
///     reader.forget_line();
///
/// Owns no memory while no line is under way or waits to be read. Nothing it is fed makes it hold
/// more than kMaxLine.
///
/// The socket should have SO_OOBINLINE set (tcp(7)), so that the DM of an urgent `IAC IP IAC DM`
/// comes in its place and only ends the telnet command. Where something on the way loses the urgent
/// byte all the same, what is left of it does no harm: a DM alone where a line begins is dropped,
/// and an IAC before a byte that is no telnet command is dropped and the byte kept.
class CommandReader {
 public:
  /// What a line was. Only `command` has a text.
  enum class Kind : std::uint8_t {
    command,
    too_long,   ///< over kMaxLine, whatever its bytes; thrown away up to its end
    bad_bytes,  ///< held a NUL, or a CR that no LF followed (CR NUL, too)
  };
  struct Line {
    Kind kind;
    /// Verb and argument as they came. Valid until the next feed() or forget_line(), and no longer
    /// than the bytes that were fed last.
    std::string_view text;
  };

  /// Takes bytes up to the end of the first line among them, and returns how many it took. When
  /// that is a whole line, line() gives it, until the next feed().
  std::size_t feed(std::span<const std::byte> bytes);
  bool has_line() const { return has_line_; }
  /// Asks for has_line().
  Line line() const;
  /// Gives the line's memory back before the next feed() would: a client may be silent for long.
  void forget_line();

  /// What telnet wants said in answer to the options asked for so far: DONT to each WILL, WONT to
  /// each DO. The call empties it; what is over 64 bytes until then stays unanswered.
  std::string take_telnet_answer();

 private:
  /// Where in the telnet stream the next byte stands:
  ///
  ///     text <-> iac -> will, make, other -> text        the option that is negotiated
  ///              iac -> inside <-> inside_iac -> text    a subnegotiation
  enum class Place : std::uint8_t { text, iac, will, make, other, inside, inside_iac };

  std::size_t take_text(std::string_view bytes, std::size_t line_end);
  std::size_t take_telnet(std::string_view bytes);
  std::size_t take_command(std::string_view byte);
  void answer(std::uint8_t verb, std::uint8_t option);

  bool untouched() const { return length_ == 0 && !bad_ && !after_cr_; }
  std::string_view check(std::string_view piece);
  void add(std::string_view piece);
  void end_line(std::string_view text);

  std::unique_ptr<char[]> held_;  // the first length_ bytes of a line that came in pieces
  std::string_view text_;         // of the line that has_line_ tells of
  std::string answer_;
  std::uint32_t capacity_ = 0;
  std::uint32_t length_ = 0;  // counts up to kMaxLine + 1
  Place place_ = Place::text;
  Kind kind_ = Kind::command;
  bool has_line_ = false;
  bool after_cr_ = false;
  bool bad_ = false;
};

static_assert(sizeof(CommandReader) <= 96, "every session holds one, idle or not");

/// A command line's two halves (RFC 959 section 5.3): the verb up to the first space, in upper
/// case, and the argument, which is all after that one space, byte for byte.
struct Command {
  std::string verb;  ///< its first 16 bytes
  std::string_view argument;
};
Command parse_command(std::string_view line);

/// Whether a line is the beginning of an HTTP request: a web page can make a browser send one to
/// any port, with commands of its choice in the body.
bool is_http(std::string_view line);

}  // namespace sluice::ftp
