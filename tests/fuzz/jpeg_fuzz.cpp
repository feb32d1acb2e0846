// Feeds JPEGs as arbitrary bytes: what the reader takes must lie inside of them, the splitter must
// find the same picture, whole and in pieces, and a picture made whole must stay as it is.

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocols/video/jpeg.h"
#include "protocols/video/jpeg_splitter.h"
#include "reactor/check.h"

using namespace sluice::video;

namespace {

using Bytes = std::span<const std::byte>;

struct Split {
  std::vector<std::vector<std::byte>> pictures;
  std::uint64_t broken = 0;
  bool inside = false;
  bool operator==(const Split&) const = default;
};

/// Without `cuts` whole; else each says how long a piece is. Pieces are copied, so that reading
/// beyond one is seen.
Split split(Bytes bytes, Bytes cuts, std::size_t bound) {
  JpegSplitter splitter(bound);
  Split found;
  for (std::size_t i = 0; !bytes.empty(); ++i) {
    const std::size_t length =
        cuts.empty() ? bytes.size() : std::to_integer<std::size_t>(cuts[i % cuts.size()]) + 1;
    const Bytes part = bytes.first(std::min(length, bytes.size()));
    const std::vector<std::byte> piece(part.begin(), part.end());
    for (Bytes left = piece; !left.empty();) {
      const std::size_t taken = splitter.feed(left);
      SLUICE_CHECK(taken > 0 && taken <= left.size());
      left = left.subspan(taken);
      if (const auto picture = splitter.picture()) {
        SLUICE_CHECK(picture->size() >= 4 && picture->size() <= bound);
        found.pictures.emplace_back(picture->begin(), picture->end());
      } else {
        SLUICE_CHECK(left.empty());
      }
    }
    bytes = bytes.subspan(part.size());
  }
  found.broken = splitter.broken();
  found.inside = splitter.inside();
  return found;
}

void check(Bytes bytes) {
  const auto head = read_jpeg(bytes);
  const auto whole = whole_jpeg(bytes);
  SLUICE_CHECK(!whole || whole_jpeg(bytes, true));
  if (!head) {
    SLUICE_CHECK(!head.error().empty() && !whole);
    return;
  }
  SLUICE_CHECK(head->frame_at < head->scan_at && head->scan_at < head->end);
  SLUICE_CHECK(head->end <= bytes.size() && bytes[head->frame_at + 1] == std::byte{0xda});
  SLUICE_CHECK(head->width > 0 && head->height > 0 && head->scans > 0);
  for (const Bytes table : head->quantization) {
    SLUICE_CHECK(table.empty() || (table.data() > bytes.data() &&
                                   table.data() + table.size() < bytes.data() + head->end));
  }
  const Split found = split(bytes.first(head->end), {}, head->end);
  SLUICE_CHECK(found.pictures.size() == 1 && found.broken == 0);
  SLUICE_CHECK(std::ranges::equal(found.pictures[0], bytes.first(head->end)));
  if (!whole) return;
  const auto again = whole_jpeg(whole->bytes.bytes());
  SLUICE_CHECK(again && again->width == head->width && again->height == head->height);
  SLUICE_CHECK(std::ranges::equal(again->bytes.bytes(), whole->bytes.bytes()));
  SLUICE_CHECK(read_jpeg(again->bytes.bytes())->huffman);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Bytes all = std::as_bytes(std::span(data, size));
  const std::size_t count = std::min<std::size_t>(data[0] % 16, size - 2);
  const std::size_t bound = data[1] < 0x80 ? std::size_t{1} << 24 : data[1];
  const Bytes cuts = all.subspan(2, count), bytes = all.subspan(2 + count);
  const std::byte one{0};
  const Split found = split(bytes, {}, bound);
  SLUICE_CHECK(found == split(bytes, cuts, bound));
  SLUICE_CHECK(found == split(bytes, std::span(&one, 1), bound));
  check(bytes);
  return 0;
}
