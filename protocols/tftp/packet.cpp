#include "protocols/tftp/packet.h"

#include <algorithm>
#include <limits>

#include "reactor/check.h"
#include "reactor/text.h"

namespace sluice::tftp {
namespace {

enum class Opcode : std::uint16_t { read = 1, write, data, ack, error, option_ack };

constexpr std::size_t kMaxErrorText = kDefaultBlock - 1;  // and the NUL

using Bytes = std::span<const std::byte>;
using Out = std::vector<std::byte>;

std::uint16_t number_at(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8 |
                                    std::to_integer<unsigned>(bytes[at + 1]));
}

void put_number(Out& out, std::uint16_t number) {
  out.push_back(std::byte(number >> 8));
  out.push_back(std::byte(number & 0xff));
}

void put_opcode(Out& out, Opcode opcode) {
  out.clear();
  put_number(out, static_cast<std::uint16_t>(opcode));
}

void put_text(Out& out, std::string_view text) {
  const Bytes bytes = as_bytes(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
  out.push_back(std::byte{0});
}

/// Takes what comes before the next NUL, and the NUL.
std::optional<std::string_view> take_text(std::string_view& rest) {
  const std::size_t end = rest.find('\0');
  if (end == rest.npos) return std::nullopt;
  const std::string_view text = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return text;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

template <class Number>
struct Bounds {
  Number low = 0;
  Number high = std::numeric_limits<Number>::max();
};

template <class Number>
bool take_value(std::optional<Number>& option, std::string_view value, Bounds<Number> bounds) {
  const auto number = parse_number<Number>(value);
  if (!number || *number < bounds.low || *number > bounds.high) return false;
  if (!option) option = number;
  return true;
}

/// Whether it is known, and may be so.
bool take_option(Options& options, std::string_view name, std::string_view value) {
  if (same_name(name, "blksize")) {
    return take_value(options.block_size, value, {kMinBlock, kMaxBlock});
  }
  if (same_name(name, "timeout")) return take_value(options.timeout, value, {.low = 1});
  if (same_name(name, "tsize")) return take_value(options.size, value, {});
  if (same_name(name, "windowsize")) return take_value(options.window, value, {.low = 1});
  return same_name(name, "rollover") && take_value(options.rollover, value, {.high = 1});
}

/// Some loaders of firmware fill their requests up with NULs: an empty name is no option.
std::expected<Options, Malformed> take_options(std::string_view rest) {
  Options options;
  while (!rest.empty()) {
    const auto name = take_text(rest);
    if (!name) return std::unexpected("an option's name does not end");
    if (name->empty()) continue;
    const auto value = take_text(rest);
    if (!value) return std::unexpected("an option has no value, or one that does not end");
    if (!take_option(options, *name, *value)) options.strange = true;
  }
  return options;
}

void put_option(Out& out, std::string_view name, std::uint64_t value) {
  put_text(out, name);
  put_text(out, concat(value));
}

void put_options(Out& out, const Options& options) {
  if (options.size) put_option(out, "tsize", *options.size);
  if (options.block_size) put_option(out, "blksize", *options.block_size);
  if (options.timeout) put_option(out, "timeout", *options.timeout);
  if (options.window) put_option(out, "windowsize", *options.window);
  if (options.rollover) put_option(out, "rollover", *options.rollover);
}

using Parsed = std::expected<Packet, Malformed>;

Parsed parse_request(Bytes body, bool write) {
  if (body.size() + 2 > kMaxRequest) return std::unexpected("a request is too long");
  std::string_view rest = as_text(body);
  const auto file = take_text(rest);
  if (!file) return std::unexpected("the file's name does not end");
  if (file->empty()) return std::unexpected("a request names no file");
  const auto mode = take_text(rest);
  if (!mode) return std::unexpected("a request without a mode");
  Request request{.write = write, .file = *file};
  if (same_name(*mode, "netascii")) {
    request.mode = Mode::netascii;
  } else if (same_name(*mode, "mail")) {
    return std::unexpected("mode mail is of the past: octet or netascii");
  } else if (!same_name(*mode, "octet")) {
    return std::unexpected("unknown mode: octet or netascii");
  }
  const auto options = take_options(rest);
  if (!options) return std::unexpected(options.error());
  request.options = *options;
  return request;
}

Parsed parse_data(Bytes datagram) {
  if (datagram.size() < kDataHeader) return std::unexpected("a DATA without a block number");
  if (datagram.size() > kMaxPacket) return std::unexpected("a DATA is too long");
  return Data{number_at(datagram, 2), datagram.subspan(kDataHeader)};
}

Parsed parse_ack(Bytes datagram) {
  if (datagram.size() < kDataHeader) return std::unexpected("an ACK without a block number");
  return Ack{number_at(datagram, 2)};
}

/// Many a server forgets the NUL behind its text; an error without a code is one, too.
Parsed parse_error(Bytes datagram) {
  if (datagram.size() < 4) return Failed{};
  const std::string_view text = as_text(datagram.subspan(4));
  return Failed{number_at(datagram, 2), text.substr(0, text.find('\0'))};
}

Parsed parse_option_ack(Bytes body) {
  if (body.size() + 2 > kMaxRequest) return std::unexpected("an OACK is too long");
  const auto options = take_options(as_text(body));
  if (!options) return std::unexpected(options.error());
  return OptionAck{*options};
}

/// At most `size` bytes of it, without a NUL and, where it is UTF-8, without a part of a character.
std::string_view cut(std::string_view text, std::size_t size) {
  text = text.substr(0, text.find('\0'));
  if (text.size() <= size) return text;
  const std::size_t least = size - 3;
  while (size > least && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return text.substr(0, size);
}

}  // namespace

Parsed parse(Bytes datagram) {
  if (datagram.size() < 2) return std::unexpected("shorter than an opcode");
  switch (static_cast<Opcode>(number_at(datagram, 0))) {
    case Opcode::read:
      return parse_request(datagram.subspan(2), false);
    case Opcode::write:
      return parse_request(datagram.subspan(2), true);
    case Opcode::data:
      return parse_data(datagram);
    case Opcode::ack:
      return parse_ack(datagram);
    case Opcode::error:
      return parse_error(datagram);
    case Opcode::option_ack:
      return parse_option_ack(datagram.subspan(2));
  }
  return std::unexpected("unknown opcode");
}

void put_request(Out& out, const Request& request) {
  SLUICE_CHECK(request.file.find('\0') == request.file.npos);
  put_opcode(out, request.write ? Opcode::write : Opcode::read);
  put_text(out, request.file);
  put_text(out, request.mode == Mode::netascii ? "netascii" : "octet");
  put_options(out, request.options);
}

void put_ack(Out& out, std::uint16_t block) {
  put_opcode(out, Opcode::ack);
  put_number(out, block);
}

void put_option_ack(Out& out, const Options& options) {
  put_opcode(out, Opcode::option_ack);
  put_options(out, options);
}

void put_error(Out& out, ErrorCode code, std::string_view text) {
  put_opcode(out, Opcode::error);
  put_number(out, static_cast<std::uint16_t>(code));
  put_text(out, cut(text, kMaxErrorText));
}

void put_data_header(std::span<std::byte, kDataHeader> out, std::uint16_t block) {
  constexpr auto kOpcode = static_cast<std::uint16_t>(Opcode::data);
  out[0] = std::byte(kOpcode >> 8);
  out[1] = std::byte(kOpcode & 0xff);
  out[2] = std::byte(block >> 8);
  out[3] = std::byte(block & 0xff);
}

}  // namespace sluice::tftp
