// Feeds what puts pictures together from datagrams with arbitrary ones: chunks of the UDP format,
// and RTP. A picture that RTP gives back is cut again, and must come out as it was.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "protocols/video/rtp_jpeg.h"
#include "protocols/video/udp_chunks.h"
#include "reactor/check.h"

using namespace sluice::video;

namespace {

using Bytes = std::span<const std::byte>;

void cut_again(Bytes picture) {
  RtpPacketizer packetizer(1, 65'530);
  // What the pieces have in them is whatever came, markers included: not every picture is one.
  if (!packetizer.cut(picture, 1)) return;
  RtpDepacketizer depacketizer;
  std::size_t at = 0;
  auto taken = RtpDepacketizer::Taken::part;
  for (const std::size_t size : packetizer.sizes()) {
    SLUICE_CHECK(size <= rtp::kDatagramBytes);
    SLUICE_CHECK(taken == RtpDepacketizer::Taken::part);
    taken = depacketizer.take(packetizer.bytes().subspan(at, size));
    at += size;
  }
  SLUICE_CHECK(taken == RtpDepacketizer::Taken::frame);
  SLUICE_CHECK(depacketizer.picture().size() <= picture.size() + 2);
}

/// Each datagram behind a byte that says how long it is, in steps of 8. With `help`, it is a
/// sensible one but for a few of its bytes.
void rtp_of(Bytes bytes, bool help) {
  RtpDepacketizer depacketizer;
  std::uint16_t sequence = 0;
  while (!bytes.empty()) {
    const std::size_t size =
        std::min(std::to_integer<std::size_t>(bytes[0]) * 8 + 1, bytes.size() - 1);
    const auto part = bytes.subspan(1, size);
    std::vector<std::byte> datagram(part.begin(), part.end());
    bytes = bytes.subspan(1 + size);
    if (help && size > 20) {
      datagram[0] = std::byte{0x80};
      datagram[1] = (datagram[1] & std::byte{0x80}) | std::byte{26};
      ++sequence;
      datagram[2] = static_cast<std::byte>(sequence >> 8);
      datagram[3] = static_cast<std::byte>(sequence);
      std::memset(datagram.data() + 4, 0, 3);
      std::memset(datagram.data() + 8, 0, 6);
      datagram[14] &= std::byte{7};
      datagram[16] &= std::byte{65};
      datagram[17] = std::byte{50};
      datagram[18] = datagram[19] = std::byte{8};
    }
    const std::uint64_t frames = depacketizer.frames();
    const auto taken = depacketizer.take(datagram);
    const bool frame = taken == RtpDepacketizer::Taken::frame;
    SLUICE_CHECK(depacketizer.frames() == frames + (frame ? 1 : 0));
    if (taken == RtpDepacketizer::Taken::refused) SLUICE_CHECK(!depacketizer.trouble().empty());
    if (!frame) continue;
    SLUICE_CHECK(depacketizer.width() > 0 && depacketizer.width() <= rtp::kMaxSide);
    SLUICE_CHECK(depacketizer.picture().size() > 100);
    cut_again(depacketizer.picture());
  }
}

/// Two bytes each: the index, and what the chunk is full of.
void chunks_of(Bytes bytes) {
  ChunkAssembler assembler;
  std::vector<std::byte> datagram(chunks::kDatagramBytes);
  std::uint64_t fed = 0;
  for (; bytes.size() >= 2 && fed < 200; bytes = bytes.subspan(2)) {
    std::ranges::fill(datagram, bytes[1] & std::byte{3});
    datagram[0] = static_cast<std::byte>(std::to_integer<unsigned>(bytes[0]) % 21);
    ++fed;
    const bool good = datagram[0] < std::byte{chunks::kCount};
    const auto taken = assembler.take(datagram);
    SLUICE_CHECK((taken == ChunkAssembler::Taken::refused) == !good);
    SLUICE_CHECK(assembler.picture().size() == chunks::kFrameBytes);
    SLUICE_CHECK(assembler.frames() * chunks::kCount + assembler.refused() <= fed);
    SLUICE_CHECK(assembler.dropped() + assembler.doubled() <= fed);
  }
  (void)assembler.take(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes bytes = std::as_bytes(std::span(data + 1, size - 1));
  switch (data[0] % 4) {
    case 0:
      chunks_of(bytes);
      break;
    case 1:
      rtp_of(bytes, false);
      break;
    default:
      rtp_of(bytes, true);
  }
  return 0;
}
