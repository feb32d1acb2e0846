#include "protocols/video/tcp_frames.h"

#include <criterion/criterion.h>

#include <string>

#include "reactor/text.h"

using namespace sluice;
using namespace sluice::video;

namespace {

std::string framed(std::string_view payload) {
  return concat(as_text(frame_length(payload.size())), payload);
}

/// Feeds all of it, in pieces of `step` bytes; each payload with a '|' behind it.
std::string payloads(FrameReader& reader, std::string_view bytes, std::size_t step) {
  std::string got;
  while (!bytes.empty() && !reader.refused()) {
    const std::size_t taken = reader.feed(as_bytes(bytes.substr(0, step)));
    cr_assert(taken > 0);
    bytes.remove_prefix(taken);
    if (const auto payload = reader.payload()) got += concat(as_text(*payload), '|');
  }
  return got;
}

}  // namespace

Test(tcp_frames, a_length_is_eight_bytes_little_endian) {
  const auto length = frame_length(0x0102030405060708);
  cr_expect(as_text(length) == "\x08\x07\x06\x05\x04\x03\x02\x01");
}

Test(frame_reader, gives_payloads_whole_however_they_are_cut) {
  const std::string stream = framed("one") + framed("a longer one") + framed("x");
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    FrameReader reader;
    cr_expect(payloads(reader, stream, step) == "one|a longer one|x|", "%zu", step);
    cr_expect(!reader.inside());
  }
}

Test(frame_reader, passes_over_frames_without_a_picture) {
  FrameReader reader;
  const std::string none = framed("");
  cr_expect(payloads(reader, none + none + framed("one") + none, 100) == "one|");
  cr_expect(!reader.inside());
}

Test(frame_reader, takes_what_is_at_the_bound_and_refuses_a_byte_more) {
  FrameReader reader(5);
  cr_expect(payloads(reader, framed("12345"), 4) == "12345|");
  cr_expect(payloads(reader, framed("123456"), 4).empty());
  cr_expect(reader.refused() == 6);
  cr_expect(reader.feed(as_bytes("more")) == 0);
  cr_expect(!reader.payload());
}

Test(frame_reader, refuses_huge_lengths_before_it_makes_room) {
  for (const std::uint64_t length : {std::uint64_t{1} << 63, UINT64_MAX, std::uint64_t{1} << 32,
                                     std::uint64_t{FrameReader::kMaxBytes} + 1}) {
    FrameReader reader;
    cr_expect(reader.feed(frame_length(length)) == 8);
    cr_expect(reader.refused() == length);
    cr_expect(reader.memory() == 0);
  }
}

Test(frame_reader, holds_no_more_memory_than_twice_what_has_come) {
  FrameReader reader;
  reader.feed(frame_length(FrameReader::kMaxBytes));
  cr_expect(!reader.refused());
  cr_expect(reader.memory() == 0);
  const std::string kilobyte(1024, 'x');
  for (std::size_t came = kilobyte.size(); came < 1'000'000; came += kilobyte.size()) {
    reader.feed(as_bytes(kilobyte));
    cr_assert(reader.memory() <= 2 * came, "%zu for %zu", reader.memory(), came);
  }
}

Test(frame_reader, knows_when_it_is_inside_a_frame) {
  FrameReader reader;
  cr_expect(!reader.inside());
  reader.feed(as_bytes(std::string_view("\x02", 1)));
  cr_expect(reader.inside());
  reader.feed(as_bytes(std::string_view("\0\0\0\0\0\0\0", 7)));
  cr_expect(reader.inside());
  reader.feed(as_bytes("1"));
  cr_expect(reader.inside());
  reader.feed(as_bytes("2"));
  cr_expect(!reader.inside());
}
