// Feeds the reader of frames over TCP with arbitrary bytes, whole and in pieces: both must agree,
// and hold no more than has come. What is in a frame, and the bytes as they are, go to the readers
// of payloads.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "protocols/video/payload.h"
#include "protocols/video/pickle.h"
#include "protocols/video/tcp_frames.h"
#include "reactor/check.h"

using namespace sluice::video;

namespace {

using Bytes = std::span<const std::byte>;

void payload(Bytes bytes) {
  if (const auto picture = read_pickle(bytes)) {
    SLUICE_CHECK(picture->bgr.size() == std::uint64_t{picture->width} * picture->height * 3);
    SLUICE_CHECK(picture->width > 0 && picture->height > 0);
    // All of it lies there.
    unsigned sum = 0;
    for (const std::byte byte : picture->bgr) sum += std::to_integer<unsigned>(byte);
    SLUICE_CHECK(sum <= picture->bgr.size() * 255);
    SLUICE_CHECK(picture->bgr.size() <= bytes.size());
  }
  if (const auto frame = read_payload(bytes)) {
    SLUICE_CHECK(frame->bytes.size() > 0 && frame->width > 0 && frame->height > 0);
  }
}

/// Each payload with its length before it.
std::vector<std::byte> read_all(FrameReader& reader, Bytes bytes, std::size_t step) {
  std::vector<std::byte> all;
  std::size_t came = 0;
  while (!bytes.empty() && !reader.refused()) {
    const std::size_t taken = reader.feed(bytes.first(std::min(step, bytes.size())));
    SLUICE_CHECK(taken > 0 && taken <= bytes.size());
    bytes = bytes.subspan(taken);
    came += taken;
    SLUICE_CHECK(reader.memory() <= 2 * came);
    const auto payload = reader.payload();
    if (!payload) continue;
    SLUICE_CHECK(!payload->empty());
    const auto length = frame_length(payload->size());
    all.insert(all.end(), length.begin(), length.end());
    all.insert(all.end(), payload->begin(), payload->end());
  }
  return all;
}

void frames(Bytes bytes, std::size_t step) {
  constexpr std::size_t kMaxBytes = 1 << 20;
  FrameReader whole(kMaxBytes), pieces(kMaxBytes);
  const auto all = read_all(whole, bytes, bytes.size());
  SLUICE_CHECK(all == read_all(pieces, bytes, step));
  SLUICE_CHECK(whole.refused() == pieces.refused());
  SLUICE_CHECK(whole.inside() == pieces.inside());
  SLUICE_CHECK(all.size() <= bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes bytes = std::as_bytes(std::span(data + 1, size - 1));
  if (data[0] < 128) {
    frames(bytes, data[0] % 16u + 1);
  } else {
    payload(bytes);
  }
  return 0;
}
