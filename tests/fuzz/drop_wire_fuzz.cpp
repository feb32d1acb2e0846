// Feeds the decoders of drop with arbitrary bytes, whole and in pieces: both must agree, and what
// was decoded must encode to the bytes that it came from.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "protocols/drop/wire.h"
#include "reactor/check.h"

using namespace sluice::drop;

namespace {

using Bytes = std::span<const std::byte>;

/// Feeds all of `bytes` in pieces; the first byte of `cuts` that is left says how long the next is.
template <class Decoder>
Fed feed_in_pieces(Decoder& decoder, Bytes bytes, Bytes cuts) {
  Fed all = decoder.feed({});
  for (std::size_t i = 0; all.taken < bytes.size() && all.progress == Progress::need_more; ++i) {
    const auto length = cuts.empty() ? 1 : std::to_integer<std::size_t>(cuts[i % cuts.size()]);
    const Bytes rest = bytes.subspan(all.taken);
    const Bytes piece = rest.first(std::min(length + 1, rest.size()));
    const Fed fed = decoder.feed(piece);
    if (fed.progress == Progress::need_more) SLUICE_CHECK(fed.taken == piece.size());
    all = {all.taken + fed.taken, fed.progress};
  }
  return all;
}

template <class Decoder>
Fed feed_both(Decoder& whole, Decoder& pieces, Bytes bytes, Bytes cuts) {
  const Fed fed = whole.feed(bytes);
  const Fed in_pieces = feed_in_pieces(pieces, bytes, cuts);
  SLUICE_CHECK(fed.taken <= bytes.size());
  SLUICE_CHECK(fed.taken == in_pieces.taken);
  SLUICE_CHECK(fed.progress == in_pieces.progress);
  if (fed.progress != Progress::need_more) SLUICE_CHECK(whole.feed(bytes).taken == 0);
  return fed;
}

void header(Bytes bytes, Bytes cuts) {
  HeaderDecoder whole, pieces;
  const Fed fed = feed_both(whole, pieces, bytes, cuts);
  if (fed.progress == Progress::bad) {
    SLUICE_CHECK(whole.why() == pieces.why());
    SLUICE_CHECK(whole.why() != Status::go_on);
  }
  if (fed.progress != Progress::done) return;
  const auto again = encode(whole.header());
  SLUICE_CHECK(again.has_value());
  SLUICE_CHECK(std::ranges::equal(*again, bytes.first(fed.taken)));
  SLUICE_CHECK(*again == *encode(pieces.header()));
}

void reply(Bytes bytes, Bytes cuts) {
  ReplyDecoder whole, pieces;
  const Fed fed = feed_both(whole, pieces, bytes, cuts);
  SLUICE_CHECK(fed.progress != Progress::bad);
  if (fed.progress != Progress::done) return;
  const auto again = encode(whole.reply());
  SLUICE_CHECK(std::ranges::equal(again, bytes.first(fed.taken)));
  SLUICE_CHECK(again == encode(pieces.reply()));
}

void kind(Bytes bytes) {
  KindDetector whole, pieces;
  std::size_t taken = 0;
  const std::size_t taken_whole = whole.feed(bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) taken += pieces.feed(bytes.subspan(i, 1));
  SLUICE_CHECK(taken == taken_whole);
  SLUICE_CHECK(whole.kind() == pieces.kind());
  SLUICE_CHECK(std::ranges::equal(whole.held(), bytes.first(taken)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input = std::as_bytes(std::span(data, size));
  if (input.empty()) return 0;
  // The first byte says which, and how many of the next say where to cut.
  const std::size_t cuts_size =
      std::min<std::size_t>(std::to_integer<std::size_t>(input[0]) % 8, input.size() - 1);
  const Bytes cuts = input.subspan(1, cuts_size);
  const Bytes bytes = input.subspan(1 + cuts_size);
  kind(bytes);
  reply(bytes, cuts);
  if ((input[0] & std::byte{8}) != std::byte{0}) {
    header(bytes, cuts);
    return 0;
  }
  // Past the magic, which random bytes hit seldom.
  std::vector<std::byte> framed(kMagic.begin(), kMagic.end());
  framed.insert(framed.end(), bytes.begin(), bytes.end());
  header(framed, cuts);
  return 0;
}
