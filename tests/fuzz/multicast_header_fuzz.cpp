// Feeds the headers of numbered datagrams, what is counted by them, and the names of groups with
// arbitrary bytes.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>

#include "protocols/multicast/group_spec.h"
#include "protocols/multicast/header.h"
#include "protocols/multicast/sequence.h"
#include "protocols/multicast/statistics.h"
#include "reactor/check.h"
#include "reactor/printable.h"
#include "reactor/text.h"

using namespace sluice;
using namespace sluice::multicast;

namespace {

using Bytes = std::span<const std::byte>;

void header(Bytes bytes) {
  const auto parsed = parse_header(bytes);
  if (!parsed) return;
  std::array<std::byte, kHeaderBytes> again;
  put_header(again, *parsed);
  SLUICE_CHECK(std::ranges::equal(again, bytes.first(kHeaderBytes)));
}

/// 13 bytes each: a number, a time of sending, a stream of few.
void sequence(Bytes bytes) {
  Sequence counted;
  std::uint64_t fed = 0;
  for (; bytes.size() >= 13; bytes = bytes.subspan(13)) {
    Header next;
    std::memcpy(&next.sequence, bytes.data(), 4);
    std::memcpy(&next.sent, bytes.data() + 4, 8);
    // Far leaps would leave nothing to be reordered.
    if ((bytes[12] & std::byte{0x80}) == std::byte{0}) next.sequence %= 4096;
    next.stream = static_cast<std::uint32_t>(bytes[12] & std::byte{1});
    counted.add(next, static_cast<std::int64_t>(next.sent >> 1));
    ++fed;
    SLUICE_CHECK(counted.received() == fed);
    SLUICE_CHECK(counted.duplicates() + counted.reordered() < fed);
    SLUICE_CHECK(counted.lost() < fed << 32);
    SLUICE_CHECK(std::isfinite(counted.jitter()) && counted.jitter() >= 0);
    const Sequence::Delay delay = counted.delay();
    SLUICE_CHECK(delay.least <= delay.most);
  }
}

/// Two bytes each: who speaks. At most four are remembered.
void sources(Bytes bytes) {
  Statistics statistics(TimePoint{}, 4);
  std::uint64_t fed = 0;
  for (; bytes.size() >= 2; bytes = bytes.subspan(2)) {
    Address from = Address::loopback_v4(static_cast<std::uint16_t>(bytes[0]));
    statistics.add(from, bytes, 0);
    ++fed;
    const auto sources = statistics.sources();
    SLUICE_CHECK(!sources.empty() && sources.size() <= 4);
    SLUICE_CHECK(sources.front()->address == from);
    SLUICE_CHECK(statistics.all().datagrams == fed);
    SLUICE_CHECK(statistics.forgotten() < fed);
  }
}

void group(std::string_view text) {
  const auto spec = parse_group_spec(text);
  if (!spec) {
    SLUICE_CHECK(printable(spec.error()) == spec.error());
    return;
  }
  SLUICE_CHECK(spec->group.is_multicast());
  SLUICE_CHECK(!spec->source || spec->source->family() == spec->group.family());
  (void)contradiction(*spec);
  (void)contradiction(spec->group, 2);
  const auto again = parse_group_spec(spec->to_string());
  SLUICE_CHECK(again.has_value() && again->group == spec->group);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes bytes = std::as_bytes(std::span(data + 1, size - 1));
  switch (data[0] % 4) {
    case 0:
      header(bytes);
      break;
    case 1:
      sequence(bytes);
      break;
    case 2:
      sources(bytes);
      break;
    default:
      group(as_text(bytes));
  }
  return 0;
}
