#include "protocols/ftp/reply_reader.h"

#include <algorithm>
#include <utility>

#include "reactor/text.h"

namespace sluice::ftp {
namespace {

// RFC 854, "TELNET COMMAND STRUCTURE"; from kFirstCommand on also those of RFC 885 and RFC 1184.
constexpr std::uint8_t kFirstCommand = 236;
constexpr std::uint8_t kSe = 240;
constexpr std::uint8_t kSb = 250;
constexpr std::uint8_t kWill = 251;
constexpr std::uint8_t kDont = 254;
constexpr char kIac = '\xff';

constexpr std::size_t kOffenceBytes = 80;
constexpr std::size_t kCodeBytes = 3;

/// The code that a line begins with, if a reply's line may begin so; else 0.
int code_of(std::string_view line) {
  if (line.size() > kCodeBytes && line[kCodeBytes] != ' ' && line[kCodeBytes] != '-') return 0;
  const auto code = parse_number<unsigned>(line.substr(0, kCodeBytes));
  return code && *code >= 100 && *code <= 599 ? static_cast<int>(*code) : 0;
}

/// Of a line with a code: whether it begins a multi-line reply.
bool goes_on(std::string_view line) {
  return line.size() > kCodeBytes && line[kCodeBytes] == '-';
}

std::string_view text_after_code(std::string_view line) {
  return line.substr(std::min(line.size(), kCodeBytes + 1));
}

/// What a line takes in memory, about.
std::size_t cost_of(std::string_view line) {
  return sizeof(std::string) + line.size();
}

std::size_t cost_of(const ServerReply& reply) {
  std::size_t cost = sizeof reply;
  for (const std::string& line : reply.lines) cost += cost_of(line);
  return cost;
}

}  // namespace

void ReplyReader::feed(std::span<const std::byte> bytes) {
  std::string_view rest = as_text(bytes);
  while (!rest.empty() && trouble_ == Trouble::none)
    rest.remove_prefix(place_ == Place::text ? take_text(rest) : take_telnet(rest));
}

std::optional<ServerReply> ReplyReader::next() {
  if (ready_.empty()) return std::nullopt;
  ServerReply reply = std::move(ready_.front());
  ready_.pop_front();
  held_ -= cost_of(reply);
  return reply;
}

/// Takes text up to an IAC or to the end of a line, with that.
std::size_t ReplyReader::take_text(std::string_view bytes) {
  constexpr std::string_view kEnds = "\n\xff";
  const std::size_t end = bytes.find_first_of(kEnds);
  add(bytes.substr(0, end));
  if (end == bytes.npos) return bytes.size();
  if (bytes[end] == kIac) {
    place_ = Place::iac;
  } else {
    end_line();
  }
  return end + 1;
}

/// Takes one byte of a telnet command, or all of a subnegotiation that is there. Options are left
/// unanswered: a server that asks for one gets on without.
std::size_t ReplyReader::take_telnet(std::string_view bytes) {
  switch (place_) {
    case Place::text:
      break;
    case Place::iac:
      return take_command(bytes.front());
    case Place::option:
      place_ = Place::text;
      break;
    case Place::inside: {
      const std::size_t iac = bytes.find(kIac);
      if (iac == bytes.npos) return bytes.size();
      place_ = Place::inside_iac;
      return iac + 1;
    }
    case Place::inside_iac:
      place_ = static_cast<std::uint8_t>(bytes.front()) == kSe ? Place::text : Place::inside;
      break;
  }
  return 1;
}

/// Takes the byte after an IAC, unless it is none of telnet's: then it is text, and may end a line.
std::size_t ReplyReader::take_command(char byte) {
  place_ = Place::text;
  const auto command = static_cast<std::uint8_t>(byte);
  if (command < kFirstCommand) return 0;
  if (byte == kIac) add({&byte, 1});
  if (command == kSb) place_ = Place::inside;
  if (command >= kWill && command <= kDont) place_ = Place::option;
  return 1;
}

void ReplyReader::add(std::string_view piece) {
  if (trouble_ != Trouble::none) return;
  // One more than a line may have, for the CR, and another, to see that there are too many.
  line_.append(piece.substr(0, kMaxLineBytes + 2 - line_.size()));
  if (line_.size() > kMaxLineBytes + 1) fail(Trouble::too_long);
}

void ReplyReader::end_line() {
  if (trouble_ != Trouble::none) return;
  std::erase(line_, '\0');
  while (line_.ends_with('\r')) line_.pop_back();
  if (line_.size() > kMaxLineBytes) return fail(Trouble::too_long);
  if (open_.code != 0) {
    const bool last = code_of(line_) == open_.code && !goes_on(line_);
    add_line(last ? text_after_code(line_) : line_, last);
  } else if (!line_.empty()) {
    begin_reply(line_);
  }
  line_.clear();
}

void ReplyReader::begin_reply(std::string_view line) {
  const int code = code_of(line);
  if (code == 0) return fail(Trouble::not_a_reply);
  open_.code = code;
  held_ += sizeof(ServerReply);
  add_line(text_after_code(line), !goes_on(line));
}

void ReplyReader::add_line(std::string_view text, bool last) {
  open_.lines.emplace_back(text);
  held_ += cost_of(text);
  if (held_ > kMaxReplyBytes) return fail(Trouble::too_long);
  if (last) ready_.push_back(std::exchange(open_, {}));
}

void ReplyReader::fail(Trouble trouble) {
  trouble_ = trouble;
  offence_ = line_.substr(0, kOffenceBytes);
  line_ = {};
  if (open_.code != 0) held_ -= cost_of(std::exchange(open_, {}));
}

std::optional<std::string> parse_quoted_path(std::string_view text) {
  const std::size_t open = text.find('"');
  if (open == text.npos) return std::nullopt;
  std::string path;
  for (std::size_t at = open + 1;; ++at) {
    const std::size_t quote = text.find('"', at);
    if (quote == text.npos) return std::nullopt;
    path += text.substr(at, quote - at);
    at = quote + 1;
    if (at == text.size() || text[at] != '"') break;
    path += '"';
  }
  constexpr std::string_view kForbidden("\r\n\0", 3);
  if (path.empty() || path.find_first_of(kForbidden) != path.npos) return std::nullopt;
  return path;
}

}  // namespace sluice::ftp
