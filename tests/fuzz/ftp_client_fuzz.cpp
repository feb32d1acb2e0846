// Feeds what an FTP server writes with arbitrary bytes: replies and listings, whole and in pieces,
// which must agree; a name that comes out of a listing is one that a file may have.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/ftp/remote_entry.h"
#include "protocols/ftp/reply_reader.h"
#include "reactor/check.h"
#include "reactor/text.h"

using namespace sluice;
using namespace sluice::ftp;

namespace {

using Bytes = std::span<const std::byte>;

/// Without `cuts` whole; else each says how long a piece is. Every piece is a copy of its own that
/// ends before the next is fed, so that a view kept for too long is seen. Pieces of long inputs are
/// longer, for the time they take.
template <class Feed>
void feed_pieces(Bytes bytes, Bytes cuts, Feed feed) {
  const std::size_t scale = 1 + bytes.size() / 1024 * 4;
  for (std::size_t i = 0; !bytes.empty(); ++i) {
    const auto cut = cuts.empty() ? 0 : std::to_integer<std::size_t>(cuts[i % cuts.size()]) + 1;
    const std::size_t length = cuts.empty() ? bytes.size() : cut * scale;
    const auto piece = bytes.first(std::min(length, bytes.size()));
    const std::vector<std::byte> copy(piece.begin(), piece.end());
    bytes = bytes.subspan(piece.size());
    feed(Bytes(copy));
  }
}

struct Replies {
  struct Reply {
    int code;
    std::vector<std::string> lines;
    bool operator==(const Reply&) const = default;
  };
  std::vector<Reply> all;
  ReplyReader::Trouble trouble = ReplyReader::Trouble::none;
  std::string offence;
  bool operator==(const Replies&) const = default;
};

void check_reply(const ServerReply& reply) {
  SLUICE_CHECK(reply.code >= 100 && reply.code <= 599);
  SLUICE_CHECK(!reply.lines.empty());
  std::size_t bytes = 0;
  for (const std::string& line : reply.lines) {
    SLUICE_CHECK(line.size() <= ReplyReader::kMaxLineBytes);
    SLUICE_CHECK(line.find_first_of(std::string_view("\n\0", 2)) == line.npos);
    SLUICE_CHECK(!line.ends_with('\r'));
    bytes += line.size();
  }
  SLUICE_CHECK(bytes <= ReplyReader::kMaxReplyBytes);
}

void take_replies(ReplyReader& reader, Replies& replies) {
  while (auto reply = reader.next()) {
    check_reply(*reply);
    replies.all.emplace_back(reply->code, std::move(reply->lines));
  }
}

/// Nobody takes a reply before the end, so that what the reader may hold runs out at the same
/// place.
Replies read_replies(Bytes bytes, Bytes cuts) {
  ReplyReader reader;
  Replies replies;
  feed_pieces(bytes, cuts, [&reader](Bytes piece) { reader.feed(piece); });
  take_replies(reader, replies);
  replies.trouble = reader.trouble();
  replies.offence = reader.offence();
  SLUICE_CHECK(replies.offence.size() <= 80);
  if (replies.trouble == ReplyReader::Trouble::none) SLUICE_CHECK(replies.offence.empty());
  reader.feed(as_bytes("\n220 hello\n"));
  if (replies.trouble != ReplyReader::Trouble::none) SLUICE_CHECK(!reader.next());
  return replies;
}

/// With every reply taken as soon as it is there, there are at least as many.
void read_at_once(Bytes bytes, Bytes cuts, const Replies& whole) {
  ReplyReader reader;
  Replies replies;
  feed_pieces(bytes, cuts, [&](Bytes piece) {
    reader.feed(piece);
    take_replies(reader, replies);
  });
  SLUICE_CHECK(replies.all.size() >= whole.all.size());
  SLUICE_CHECK(std::ranges::equal(std::span(replies.all).first(whole.all.size()), whole.all));
}

void replies(Bytes bytes, Bytes cuts) {
  const Replies whole = read_replies(bytes, {});
  SLUICE_CHECK(whole == read_replies(bytes, cuts));
  read_at_once(bytes, cuts, whole);
  for (const auto& reply : whole.all) {
    if (const auto path = parse_quoted_path(reply.lines.back())) SLUICE_CHECK(!path->empty());
  }
}

bool same_time(const timespec& left, const timespec& right) {
  return left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec;
}

bool same_entry(const RemoteEntry& left, const RemoteEntry& right) {
  const bool timed = left.modified.has_value();
  return left.name == right.name && left.type == right.type && left.size == right.size &&
         timed == right.modified.has_value() &&
         (!timed || same_time(*left.modified, *right.modified)) && left.exact == right.exact &&
         left.mode == right.mode && left.target == right.target;
}

void check_entry(const RemoteEntry& entry) {
  SLUICE_CHECK(!entry.name.empty() && entry.name != "." && entry.name != "..");
  SLUICE_CHECK(entry.name.find_first_of(std::string_view("/\n\0", 3)) == entry.name.npos);
  if (entry.modified) {
    SLUICE_CHECK(entry.modified->tv_nsec >= 0 && entry.modified->tv_nsec < 1'000'000'000);
    // A day before 1970 at most, for a time zone.
    SLUICE_CHECK(entry.modified->tv_sec > -4 * 86'400);
  }
  SLUICE_CHECK(!entry.exact || entry.modified);
  SLUICE_CHECK(!entry.mode || *entry.mode <= 07777);
  SLUICE_CHECK(entry.target.empty() || entry.type == RemoteEntry::Type::link);
}

struct Listing {
  std::vector<RemoteEntry> entries;
  std::uint64_t bad_lines = 0;
  std::string first_bad;
};

Listing read_listing(ListingReader::Format format, time_t now, Bytes bytes, Bytes cuts) {
  ListingReader reader(format, now);
  Listing listing;
  const auto take = [&listing](const RemoteEntry& entry) {
    check_entry(entry);
    listing.entries.push_back(entry);
  };
  feed_pieces(bytes, cuts, [&](Bytes piece) { reader.feed(piece, take); });
  reader.finish(take);
  const std::size_t entries = listing.entries.size();
  reader.finish(take);
  SLUICE_CHECK(entries == listing.entries.size() && entries == reader.entries());
  listing.bad_lines = reader.bad_lines();
  listing.first_bad = reader.first_bad();
  SLUICE_CHECK(listing.first_bad.size() <= 80);
  return listing;
}

void listings(Bytes bytes, Bytes cuts, time_t now) {
  using Format = ListingReader::Format;
  for (const auto format : {Format::facts, Format::list, Format::names}) {
    const Listing whole = read_listing(format, now, bytes, {});
    const Listing pieces = read_listing(format, now, bytes, cuts);
    SLUICE_CHECK(std::ranges::equal(whole.entries, pieces.entries, same_entry));
    SLUICE_CHECK(whole.bad_lines == pieces.bad_lines && whole.first_bad == pieces.first_bad);
    const auto lines = static_cast<std::uint64_t>(std::ranges::count(bytes, std::byte{'\n'})) + 1;
    SLUICE_CHECK(whole.entries.size() + whole.bad_lines <= lines);
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
  const time_t now = std::to_integer<time_t>(input[0]) * 100'000'000 / 16;
  replies(bytes, cuts);
  listings(bytes, cuts, now);
  if ((input[0] & std::byte{0x78}) == std::byte{8}) {
    // Long lines, which random bytes hit seldom; not each time, since they take long.
    const std::string_view text = as_text(bytes);
    for (const std::size_t most : {ReplyReader::kMaxLineBytes, ListingReader::kMaxLineBytes}) {
      const std::string filler(most - std::min(most, text.size() / 2), 'x');
      const std::string all = concat(text, filler, text);
      replies(as_bytes(all), cuts);
      listings(as_bytes(all), cuts, now);
    }
  }
  return 0;
}
