#include "protocols/multicast/header.h"

#include <algorithm>

#include "reactor/pack.h"

namespace sluice::multicast {
namespace {

constexpr std::array kMagic = {std::byte{0x8b}, std::byte{'S'}, std::byte{'L'}, std::byte{'M'}};
constexpr std::uint8_t kVersion = 1;

/// Behind the magic: version, flags, reserved, stream, sequence, sent.
inline constexpr std::size_t kRestBytes = kHeaderBytes - kMagic.size();
static_assert(packed_size<"!BBHIIQ"> == kRestBytes);

}  // namespace

std::optional<Header> parse_header(std::span<const std::byte> datagram) {
  if (datagram.size() < kHeaderBytes) return std::nullopt;
  if (!std::ranges::equal(datagram.first(kMagic.size()), kMagic)) return std::nullopt;
  const auto fields = unpack<"!BBHIIQ">(datagram.subspan(kMagic.size(), kRestBytes));
  const auto [version, flags, reserved, stream, sequence, sent] = *fields;
  if (version != kVersion || flags != 0 || reserved != 0) return std::nullopt;
  return Header{stream, sequence, sent};
}

void put_header(std::span<std::byte, kHeaderBytes> out, const Header& header) {
  std::ranges::copy(kMagic, out.begin());
  const auto rest = pack<"!BBHIIQ">(kVersion, std::uint8_t{0}, std::uint16_t{0}, header.stream,
                                    header.sequence, header.sent);
  std::ranges::copy(rest, out.begin() + kMagic.size());
}

}  // namespace sluice::multicast
