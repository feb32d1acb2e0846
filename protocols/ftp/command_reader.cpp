#include "protocols/ftp/command_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "reactor/check.h"
#include "reactor/text.h"

namespace sluice::ftp {
namespace {

// RFC 854, "TELNET COMMAND STRUCTURE"; from kFirstCommand on also those of RFC 885 and RFC 1184.
constexpr std::uint8_t kFirstCommand = 236;
constexpr std::uint8_t kSe = 240;
constexpr char kDataMark = '\xf2';
constexpr std::uint8_t kSb = 250;
constexpr std::uint8_t kWill = 251;
constexpr std::uint8_t kWont = 252;
constexpr std::uint8_t kDo = 253;
constexpr std::uint8_t kDont = 254;
constexpr char kIac = '\xff';

constexpr std::size_t kAnswerBytes = 64;
constexpr std::size_t kVerbBytes = 16;
constexpr std::uint32_t kFirstCapacity = 64;

char upper(char letter) {
  return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
}

bool same_letters(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, {}, upper, upper);
}

}  // namespace

std::size_t CommandReader::feed(std::span<const std::byte> bytes) {
  forget_line();
  const std::string_view all = as_text(bytes);
  std::size_t at = 0;
  std::size_t line_end = 0;
  while (at < all.size() && !has_line_) {
    if (place_ != Place::text) {
      at += take_telnet(all.substr(at));
      continue;
    }
    // Each line feed is looked for once, however many telnet commands stand before it.
    if (at >= line_end) line_end = std::min(all.find('\n', at), all.size());
    at += take_text(all.substr(at), line_end - at);
  }
  return at;
}

/// Takes text up to an IAC, or else all up to `line_end`, with the line feed that may be there.
std::size_t CommandReader::take_text(std::string_view bytes, std::size_t line_end) {
  const std::string_view text = bytes.substr(0, line_end);
  if (const auto iac = text.find(kIac); iac != text.npos) {
    add(check(text.substr(0, iac)));
    place_ = Place::iac;
    return iac + 1;
  }
  const bool whole = untouched();
  const std::string_view good = check(text);
  if (line_end == bytes.size()) {
    add(good);
    return line_end;
  }
  if (whole) {
    end_line(good);  // no need to copy it
  } else {
    add(good);
    end_line({held_.get(), length_});
  }
  return line_end + 1;
}

/// Takes one byte of a telnet command, or all of a subnegotiation that is there.
std::size_t CommandReader::take_telnet(std::string_view bytes) {
  const auto byte = static_cast<std::uint8_t>(bytes.front());
  switch (place_) {
    case Place::text:
      break;
    case Place::iac:
      return take_command(bytes.substr(0, 1));
    case Place::will:
      answer(kDont, byte);
      place_ = Place::text;
      break;
    case Place::make:
      answer(kWont, byte);
      place_ = Place::text;
      break;
    case Place::other:
      place_ = Place::text;
      break;
    case Place::inside: {
      const auto iac = bytes.find(kIac);
      if (iac == bytes.npos) return bytes.size();
      place_ = Place::inside_iac;
      return iac + 1;
    }
    case Place::inside_iac:
      place_ = byte == kSe ? Place::text : Place::inside;
      break;
  }
  return 1;
}

/// Takes the byte after an IAC, unless it is none of telnet's: then it is text, and may end a line.
/// So is the IAC then, of a name whose sender did not double it; but not where urgent bytes may
/// have been lost behind it, before a verb and at the end of a line.
std::size_t CommandReader::take_command(std::string_view byte) {
  place_ = Place::text;
  const auto command = static_cast<std::uint8_t>(byte.front());
  if (command < kFirstCommand) {
    if (!untouched() && byte.front() != '\r' && byte.front() != '\n') add(check("\xff"));
    return 0;
  }
  if (byte.front() == kIac) add(check(byte));
  if (command == kSb) place_ = Place::inside;
  if (command == kWill) place_ = Place::will;
  if (command == kDo) place_ = Place::make;
  if (command == kWont || command == kDont) place_ = Place::other;
  return 1;
}

void CommandReader::answer(std::uint8_t verb, std::uint8_t option) {
  if (answer_.size() + 3 > kAnswerBytes) return;
  answer_ += kIac;
  answer_ += static_cast<char>(verb);
  answer_ += static_cast<char>(option);
}

/// Notes what a piece of the line means for the whole, and returns what of it belongs to the text.
std::string_view CommandReader::check(std::string_view piece) {
  while (untouched() && piece.starts_with(kDataMark)) piece.remove_prefix(1);
  if (piece.empty()) return piece;
  std::size_t length = length_ + piece.size();
  if (after_cr_) {
    bad_ = true;
    ++length;
  }
  after_cr_ = piece.ends_with('\r');
  if (after_cr_) {
    piece.remove_suffix(1);
    --length;
  }
  length_ = static_cast<std::uint32_t>(std::min(length, kMaxLine + 1));
  if (!bad_ && length_ <= kMaxLine)
    bad_ = piece.find('\0') != piece.npos || piece.find('\r') != piece.npos;
  return piece;
}

/// Appends what check() has counted already.
void CommandReader::add(std::string_view piece) {
  if (bad_ || length_ > kMaxLine) {
    held_.reset();
    capacity_ = 0;
    return;
  }
  if (length_ > capacity_) {
    // kMaxLine is a power of two, so that this never asks for more.
    const auto capacity = std::bit_ceil(std::max(length_, kFirstCapacity));
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    std::ranges::copy(std::string_view(held_.get(), length_ - piece.size()), larger.get());
    held_ = std::move(larger);
    capacity_ = capacity;
  }
  std::ranges::copy(piece, held_.get() + (length_ - piece.size()));
}

void CommandReader::end_line(std::string_view text) {
  kind_ = length_ > kMaxLine ? Kind::too_long : bad_ ? Kind::bad_bytes : Kind::command;
  text_ = kind_ == Kind::command ? text : std::string_view();
  has_line_ = true;
  length_ = 0;
  after_cr_ = false;
  bad_ = false;
}

CommandReader::Line CommandReader::line() const {
  SLUICE_CHECK(has_line_);
  return {kind_, text_};
}

void CommandReader::forget_line() {
  if (!has_line_) return;
  has_line_ = false;
  text_ = {};
  held_.reset();
  capacity_ = 0;
}

std::string CommandReader::take_telnet_answer() {
  return std::exchange(answer_, {});
}

Command parse_command(std::string_view line) {
  const std::size_t space = std::min(line.find(' '), line.size());
  Command command;
  command.verb = line.substr(0, std::min(space, kVerbBytes));
  std::ranges::transform(command.verb, command.verb.begin(), upper);
  if (space < line.size()) command.argument = line.substr(space + 1);
  return command;
}

bool is_http(std::string_view line) {
  static constexpr std::string_view kBeginnings[] = {
      "GET ",     "POST ",    "HEAD ",  "PUT ",   "DELETE ",
      "OPTIONS ", "CONNECT ", "PATCH ", "TRACE ", "PRI * HTTP/2.0",
  };
  return std::ranges::any_of(kBeginnings, [line](std::string_view beginning) {
    return same_letters(line.substr(0, beginning.size()), beginning);
  });
}

}  // namespace sluice::ftp
