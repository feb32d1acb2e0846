#include "protocols/video/rtcp.h"

#include <span>

#include "reactor/pack.h"
#include "reactor/text.h"

namespace sluice::video {
namespace {

constexpr std::uint8_t kSenderReport = 200, kDescription = 202, kBye = 203;
constexpr std::uint8_t kVersion = 2 << 6;
constexpr std::uint8_t kCname = 1;
constexpr std::int64_t kSecond = 1'000'000'000;
/// NTP counts from 1900 (RFC 5905, section 6).
constexpr std::int64_t kFrom1900To1970 = 2'208'988'800;

}  // namespace

std::vector<std::byte> rtcp_datagram(const SenderReport& report) {
  std::vector<std::byte> out;
  const auto append = [&out](std::span<const std::byte> bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
  };
  const auto seconds = static_cast<std::uint32_t>(report.wall_clock / kSecond + kFrom1900To1970);
  const auto part = static_cast<std::uint64_t>(report.wall_clock % kSecond);
  const auto fraction = static_cast<std::uint32_t>((part << 32) / kSecond);
  append(pack<"!BBH6I">(kVersion, kSenderReport, 6, report.source, seconds, fraction,
                        report.timestamp, report.datagrams, report.bytes));

  // One chunk with one item, ended by at least one zero, up to a multiple of four.
  const std::string_view name = report.name.substr(0, 255);
  const std::size_t item = 2 + name.size();
  const std::size_t padded = (item + 4) / 4 * 4;
  append(pack<"!BBHIBB">(kVersion | 1, kDescription, static_cast<std::uint16_t>(1 + padded / 4),
                         report.source, kCname, static_cast<std::uint8_t>(name.size())));
  append(as_bytes(name));
  out.resize(out.size() + padded - item);
  if (report.leaving) append(pack<"!BBHI">(kVersion | 1, kBye, 1, report.source));
  return out;
}

}  // namespace sluice::video
