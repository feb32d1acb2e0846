#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::ftp {

/// What a server said (RFC 959 section 4.2).
struct ServerReply {
  int code = 0;  ///< 100 to 599
  /// At least one; the first and the last without "NNN " or "NNN-". No NUL and no LF among them.
  std::vector<std::string> lines;

  bool preliminary() const { return code / 100 == 1; }
  bool positive() const { return code / 100 == 2; }
  bool intermediate() const { return code / 100 == 3; }
  bool transient() const { return code / 100 == 4; }
  /// The last line's text, as a person is to read it.
  std::string_view text() const { return lines.back(); }
};

/// Takes replies out of the control connection's bytes. Lines end with CR LF or LF; a multi-line
/// reply ends with a line that begins with its code and a space (RFC 959 section 4.2), or is the
/// code alone; lines within may begin with anything. Empty lines between replies, NULs and telnet
/// commands (RFC 854) are taken out. Holds at most kMaxReplyBytes, whatever comes: a line counts
/// with its string, and so do replies that wait for next().
class ReplyReader {
 public:
  static constexpr std::size_t kMaxLineBytes = 8192;
  static constexpr std::size_t kMaxReplyBytes = 256 * 1024;  ///< FEAT, HELP and STAT are long

  enum class Trouble : std::uint8_t {
    none,
    too_long,     ///< a line over kMaxLineBytes, a reply or all that wait over kMaxReplyBytes
    not_a_reply,  ///< a line where a code is due, and there is none from 100 to 599
  };

  /// Takes all of `bytes`. Once in trouble(), for ever: what follows is thrown away.
  void feed(std::span<const std::byte> bytes);
  /// The next whole reply, in order; those from before a trouble, too.
  std::optional<ServerReply> next();
  Trouble trouble() const { return trouble_; }
  /// What there was no reply in: the beginning of the line, for the complaint; at most 80 bytes.
  /// Not fit for a terminal (printable()).
  std::string_view offence() const { return offence_; }

 private:
  /// Where in the telnet stream the next byte stands:
  ///
  ///     text <-> iac -> option -> text                 of WILL, WONT, DO and DONT
  ///              iac -> inside <-> inside_iac -> text  a subnegotiation
  enum class Place : std::uint8_t { text, iac, option, inside, inside_iac };

  std::size_t take_text(std::string_view bytes);
  std::size_t take_telnet(std::string_view bytes);
  std::size_t take_command(char byte);
  void add(std::string_view piece);
  void end_line();
  void begin_reply(std::string_view line);
  void add_line(std::string_view text, bool last);
  void fail(Trouble trouble);

  std::string line_;  // what came of the line under way
  ServerReply open_;  // the multi-line reply under way, if its code is not 0
  std::deque<ServerReply> ready_;
  std::size_t held_ = 0;  // what open_ and ready_ count for
  std::string offence_;
  Place place_ = Place::text;
  Trouble trouble_ = Trouble::none;
};

/// The path that 257 has between double quotes, those doubled made one (RFC 959 appendix II).
/// Nothing if the quotes do not end or hold nothing, or if a CR, LF or NUL is between them, which
/// no command could bring back to the server.
std::optional<std::string> parse_quoted_path(std::string_view text);

}  // namespace sluice::ftp
