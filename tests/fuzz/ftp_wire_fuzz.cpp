// Feeds what FTP's peers write with arbitrary bytes: the command reader, whole and in pieces, which
// must agree; paths, which must come out normalised; addresses and times, which must come out again
// as they went in.

#include <limits.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/ftp/command_reader.h"
#include "protocols/ftp/host_port.h"
#include "protocols/ftp/path.h"
#include "protocols/ftp/reply.h"
#include "protocols/ftp/timestamp.h"
#include "reactor/check.h"
#include "reactor/text.h"

using namespace sluice;
using namespace sluice::ftp;

namespace {

using Bytes = std::span<const std::byte>;

struct Read {
  struct Line {
    CommandReader::Kind kind;
    std::string text;
    std::size_t end;  // in the bytes fed
    bool operator==(const Line&) const = default;
  };
  std::vector<Line> lines;
  std::string answer;
  bool operator==(const Read&) const = default;
};

void note_line(Read& read, const CommandReader& reader, std::size_t end) {
  const auto line = reader.line();
  if (line.kind != CommandReader::Kind::command) SLUICE_CHECK(line.text.empty());
  SLUICE_CHECK(line.text.size() <= kMaxLine);
  SLUICE_CHECK(line.text.find_first_of(std::string_view("\r\n\0", 3)) == line.text.npos);
  read.lines.emplace_back(line.kind, std::string(line.text), end);
}

/// Without `cuts` whole; else each says how long a piece is. Every piece is a copy of its own that
/// ends before the next is fed, so that a view kept for too long is seen.
Read read_all(Bytes bytes, Bytes cuts) {
  CommandReader reader;
  Read read;
  std::size_t at = 0;
  for (std::size_t i = 0; at < bytes.size(); ++i) {
    const auto length =
        cuts.empty() ? bytes.size() : std::to_integer<std::size_t>(cuts[i % cuts.size()]) + 1;
    const Bytes rest = bytes.subspan(at);
    const auto piece = rest.first(std::min(length, rest.size()));
    const std::vector<std::byte> copy(piece.begin(), piece.end());
    const std::size_t taken = reader.feed(copy);
    SLUICE_CHECK(taken > 0 && taken <= copy.size());
    if (!reader.has_line()) SLUICE_CHECK(taken == copy.size());
    at += taken;
    if (reader.has_line()) note_line(read, reader, at);
    if (i % 3 == 0) reader.forget_line();
  }
  read.answer = reader.take_telnet_answer();
  SLUICE_CHECK(read.answer.size() <= 64 && read.answer.size() % 3 == 0);
  return read;
}

void commands(Bytes bytes, Bytes cuts) {
  const Read whole = read_all(bytes, {});
  SLUICE_CHECK(whole == read_all(bytes, cuts));
  constexpr std::byte kOne[] = {std::byte{0}};
  if (bytes.size() < kMaxLine) SLUICE_CHECK(whole == read_all(bytes, kOne));
  for (const auto& line : whole.lines) {
    const Command command = parse_command(line.text);
    SLUICE_CHECK(command.verb.size() <= 16);
    SLUICE_CHECK(std::string_view(line.text).ends_with(command.argument));
    if (is_http(line.text)) SLUICE_CHECK(line.text.find(' ') != std::string::npos);
  }
}

bool is_normalised(std::string_view path) {
  if (path == "/") return true;
  if (!path.starts_with('/') || path.size() >= PATH_MAX || path.ends_with('/')) return false;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view name = path.substr(0, path.find('/'));
    if (name.empty() || name == "." || name == ".." || name.size() > NAME_MAX) return false;
    if (name.find('\0') != name.npos) return false;
    path.remove_prefix(name.size());
  }
  return true;
}

void paths(std::string_view first, std::string_view second) {
  const auto cwd = resolve_path("/", first);
  if (!cwd) return;
  SLUICE_CHECK(is_normalised(*cwd));
  SLUICE_CHECK(resolve_path("/", *cwd) == cwd);
  SLUICE_CHECK(resolve_path(*cwd, "") == cwd);
  const auto path = resolve_path(*cwd, second);
  if (!path) return;
  SLUICE_CHECK(is_normalised(*path));
  SLUICE_CHECK(resolve_path(*cwd, *path) == path);
  // One step up and down again is the way to an absolute path, too.
  SLUICE_CHECK(resolve_path("/", concat(*cwd, '/', second)) == path || second.starts_with('/'));
  is_pattern(second);
}

void replies(std::string_view text) {
  for (const std::string& line : {reply(213, text), reply(257, quoted(text))}) {
    SLUICE_CHECK(line.find('\n') == line.size() - 1);
    SLUICE_CHECK(line.find('\r') == line.size() - 2);
  }
  SLUICE_CHECK(safe_name(text).size() == text.size());
  const std::string lines = multi_line(211, text, text, text);
  SLUICE_CHECK(lines.find("\n211") == lines.rfind("\n211"));
}

void addresses(std::string_view text) {
  if (const auto address = parse_port(text)) {
    const std::string again = format_pasv(*address);
    SLUICE_CHECK(parse_pasv_reply(again) == address);
    SLUICE_CHECK(parse_port(std::string_view(again).substr(1, again.size() - 2)) == address);
    SLUICE_CHECK(parse_pasv_reply(text) == address);
  }
  if (const auto address = parse_pasv_reply(text))
    SLUICE_CHECK(parse_pasv_reply(format_pasv(*address)) == address);
  if (const auto address = parse_eprt(text)) {
    const bool v4 = address->family() == AF_INET;
    // As the kernel prints it, but for IPv4 mapped into IPv6, which prints as IPv4.
    const std::string host = address->host();
    const bool mapped = !v4 && host.find(':') == host.npos;
    const std::string again =
        concat(v4 ? "|1|" : "|2|", mapped ? "::ffff:" : "", host, '|', address->port(), '|');
    const auto same = parse_eprt(again);
    SLUICE_CHECK(same && *same == *address);
  }
  if (const auto port = parse_epsv_reply(text))
    SLUICE_CHECK(parse_epsv_reply(concat("(|||", *port, "|)")) == port);
}

void timestamps(std::string_view text) {
  const auto time = parse_timestamp(text);
  if (text.size() != 12) {
    const auto same = parse_timestamp_minutes(text);
    SLUICE_CHECK(same.has_value() == time.has_value());
  } else if (const auto minutes = parse_timestamp_minutes(text)) {
    std::string again;
    append_timestamp(again, minutes->tv_sec);
    SLUICE_CHECK(again == concat(text, "00"));
  }
  if (!time) return;
  SLUICE_CHECK(time->tv_nsec >= 0 && time->tv_nsec < 1'000'000'000);
  std::string again;
  append_timestamp(again, time->tv_sec);
  const bool leap = text.substr(12, 2) == "60";
  SLUICE_CHECK(leap || again == text.substr(0, 14));
}

/// Any eight bytes are a time; those of the years that parse must come back.
void any_time(std::string_view bytes) {
  std::uint64_t bits = 0;
  for (const char byte : bytes.substr(0, 8)) bits = bits << 8 | static_cast<unsigned char>(byte);
  for (const auto time : {static_cast<time_t>(bits), static_cast<time_t>(bits % 253'402'300'800)}) {
    std::string text;
    append_timestamp(text, time);
    SLUICE_CHECK(text.size() == 14);
    const auto again = parse_timestamp(text);
    const bool in_range = time >= 0 && time <= 253'402'300'799;
    if (in_range) SLUICE_CHECK(again && again->tv_sec == time);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input = std::as_bytes(std::span(data, size));
  if (input.empty()) return 0;
  // The first byte says how many of the next say where to cut.
  const std::size_t cuts_size =
      std::min<std::size_t>(std::to_integer<std::size_t>(input[0]) % 8, input.size() - 1);
  const Bytes cuts = input.subspan(1, cuts_size);
  const Bytes bytes = input.subspan(1 + cuts_size);
  const std::string_view text = as_text(bytes);
  commands(bytes, cuts);
  if ((input[0] & std::byte{0x78}) == std::byte{8}) {
    // Long lines, which random bytes hit seldom; not each time, since they take long.
    const std::string filler(kMaxLine - std::min(kMaxLine, text.size() / 2), 'x');
    commands(as_bytes(concat(text, filler, text)), cuts);
  }
  const auto half = text.find('\n');
  paths(text.substr(0, half), half == text.npos ? "" : text.substr(half + 1));
  replies(text);
  addresses(text);
  timestamps(text);
  any_time(text);
  return 0;
}
