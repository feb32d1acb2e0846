// Makes listings of arbitrary names, modes, times and sizes, and converts arbitrary bytes as TYPE A
// does: a line stays one line, its facts can be read back, and cuts change nothing.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/ftp/ascii.h"
#include "protocols/ftp/facts.h"
#include "protocols/ftp/list_line.h"
#include "protocols/ftp/reply.h"
#include "protocols/ftp/timestamp.h"
#include "reactor/check.h"
#include "reactor/text.h"

using namespace sluice;

namespace {

using Bytes = std::span<const std::byte>;

/// Takes values off the front of the input, zeros once it is used up.
class Taker {
 public:
  explicit Taker(Bytes input) : rest_(input) {}
  template <class T>
  T take() {
    T value{};
    const std::size_t size = std::min(sizeof value, rest_.size());
    std::memcpy(&value, rest_.data(), size);
    rest_ = rest_.subspan(size);
    return value;
  }
  Bytes take_bytes(std::size_t size) {
    const Bytes taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  Bytes rest() const { return rest_; }

 private:
  Bytes rest_;
};

files::FileInfo take_info(Taker& input) {
  files::FileInfo info;
  info.mode = input.take<std::uint16_t>();
  info.size = input.take<std::uint64_t>();
  info.modified.tv_sec = input.take<std::int64_t>();
  info.owner = input.take<std::uint32_t>();
  info.group = input.take<std::uint32_t>();
  info.links = input.take<std::uint32_t>();
  info.device = input.take<std::uint64_t>();
  info.inode = input.take<std::uint64_t>();
  // Most arbitrary times are far out of a calendar.
  if (info.inode % 4 != 0) info.modified.tv_sec %= 400'000'000'000;
  return info;
}

void check_one_line(std::string_view line) {
  SLUICE_CHECK(std::ranges::none_of(
      line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
}

void list(const files::FileInfo& info, time_t now, std::string_view name, std::string_view target) {
  ftp::ListWriter writer(now);
  std::string first, second;
  writer.append(first, info, name, target);
  writer.append(second, info, name, target);
  SLUICE_CHECK(first == second);
  std::string end = " " + ftp::safe_name(name);
  if (info.is_link() && !target.empty()) end += " -> " + ftp::safe_name(target);
  SLUICE_CHECK(first.ends_with(end + "\r\n"));
  const std::string_view columns(first.data(), first.size() - end.size() - 2);
  check_one_line(std::string_view(first).substr(0, first.size() - 2));
  SLUICE_CHECK(columns.size() >= 59 && columns.size() <= 77);
  SLUICE_CHECK(columns[10] == ' ');
}

/// The value of one fact, as a client reads it; taken off the front.
std::string_view value_of(std::string_view& facts, std::string_view name) {
  SLUICE_CHECK(facts.starts_with(name));
  facts.remove_prefix(name.size());
  const std::size_t end = facts.find(';');
  SLUICE_CHECK(end != facts.npos);
  const std::string_view value = facts.substr(0, end);
  facts.remove_prefix(end + 1);
  return value;
}

void check_facts(std::string_view facts, std::uint8_t chosen, const files::FileInfo& info) {
  if ((chosen & ftp::kFactType) != 0) {
    const std::string_view type = value_of(facts, "type=");
    SLUICE_CHECK(type.starts_with("OS.unix=slink") == info.is_link());
    SLUICE_CHECK((type == "file") == info.is_regular());
  }
  if ((chosen & ftp::kFactSize) != 0 && info.is_regular()) {
    SLUICE_CHECK(parse_number<std::uint64_t>(value_of(facts, "size=")) == info.size);
  }
  if ((chosen & ftp::kFactModify) != 0) {
    const std::string_view text = value_of(facts, "modify=");
    SLUICE_CHECK(text.size() == 14);
    const auto time = ftp::parse_timestamp(text);
    const bool in_range = info.modified.tv_sec >= 0 && info.modified.tv_sec <= 253'402'300'799;
    if (in_range) SLUICE_CHECK(time && time->tv_sec == info.modified.tv_sec);
  }
  if ((chosen & ftp::kFactPerm) != 0) {
    SLUICE_CHECK(std::ranges::is_sorted(value_of(facts, "perm=")));
  }
  if ((chosen & ftp::kFactUnique) != 0) {
    SLUICE_CHECK(value_of(facts, "unique=").find('g') != facts.npos);
  }
  if ((chosen & ftp::kFactMode) != 0) SLUICE_CHECK(value_of(facts, "UNIX.mode=").size() == 4);
  SLUICE_CHECK(facts.empty());
}

void facts(const files::FileInfo& info, std::uint8_t choice, std::uint8_t may,
           std::string_view name, std::string_view target) {
  const std::uint8_t chosen = choice & ftp::kAllFacts;
  SLUICE_CHECK(ftp::parse_facts(ftp::facts_for_opts(chosen)) == chosen);
  const auto bit = [may](int i) { return ((may >> i) & 1) != 0; };
  const ftp::Allowed allowed{bit(0), bit(1), bit(2), bit(3), bit(4), bit(5), bit(6), bit(7)};
  ftp::FactsWriter writer(chosen, allowed, (choice & 128) != 0);
  std::string line;
  writer.append(line, info, name, target);
  check_one_line(line);
  const std::size_t end = line.find(' ');
  SLUICE_CHECK(end != line.npos);
  SLUICE_CHECK(line.substr(end + 1) == ftp::safe_name(name));
  check_facts(std::string_view(line).substr(0, end), chosen, info);
}

template <class Converter>
std::vector<std::byte> convert(Bytes bytes, Bytes cuts) {
  Converter converter;
  std::vector<std::byte> out;
  for (std::size_t i = 0; !bytes.empty(); ++i) {
    const std::size_t length =
        cuts.empty() ? bytes.size() : std::to_integer<std::size_t>(cuts[i % cuts.size()]) % 8;
    const std::size_t piece = std::min(std::max<std::size_t>(length, i % 2), bytes.size());
    converter.convert(bytes.first(piece), out);
    bytes = bytes.subspan(piece);
  }
  if constexpr (requires { converter.finish(out); }) converter.finish(out);
  return out;
}

void ascii(Bytes bytes, Bytes cuts) {
  const auto sent = convert<ftp::ToNetwork>(bytes, {});
  SLUICE_CHECK(sent == convert<ftp::ToNetwork>(bytes, cuts));
  SLUICE_CHECK(sent.size() <= 2 * bytes.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    if (sent[i] == std::byte{'\n'}) SLUICE_CHECK(i > 0 && sent[i - 1] == std::byte{'\r'});
  }
  const auto stored = convert<ftp::FromNetwork>(bytes, {});
  SLUICE_CHECK(stored == convert<ftp::FromNetwork>(bytes, cuts));
  SLUICE_CHECK(stored.size() <= bytes.size());
  if (std::ranges::find(bytes, std::byte{'\r'}) != bytes.end()) return;
  SLUICE_CHECK(std::ranges::equal(convert<ftp::FromNetwork>(sent, cuts), bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Taker input(std::as_bytes(std::span(data, size)));
  const auto which = input.take<std::uint8_t>();
  const Bytes cuts = input.take_bytes(which % 8);
  if ((which & 8) != 0) {
    ascii(input.rest(), cuts);
    return 0;
  }
  const files::FileInfo info = take_info(input);
  const std::int64_t now = input.take<std::uint32_t>();
  const auto chosen = input.take<std::uint8_t>();
  const auto may = input.take<std::uint8_t>();
  const std::string_view name = as_text(input.take_bytes(input.take<std::uint8_t>()));
  list(info, now, name, as_text(input.rest()));
  facts(info, chosen, may, name, as_text(input.rest()));
  static_cast<void>(ftp::parse_facts(as_text(input.rest())));
  return 0;
}
