#include "protocols/video/udp_chunks.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <numeric>

#include "tests/protocols/video_frames_scene.h"

using namespace sluice;
using namespace sluice::video;
using Taken = ChunkAssembler::Taken;

namespace {

struct Fixture {
  Fixture() {
    for (unsigned i = 0; i < 3; ++i) pictures[i] = pixels(i);
  }
  std::string datagram(unsigned picture, std::size_t index) const {
    return concat(
        static_cast<char>(index),
        std::string_view(pictures[picture]).substr(index * chunks::kBytes, chunks::kBytes));
  }
  Taken take(unsigned picture, std::size_t index) {
    return chunks.take(as_bytes(datagram(picture, index)));
  }
  /// All but one, in order; what the last was taken for.
  Taken take_all(unsigned picture, std::size_t without = SIZE_MAX) {
    Taken last = Taken::chunk;
    for (std::size_t i = 0; i < chunks::kCount; ++i) {
      if (i != without) last = take(picture, i);
    }
    return last;
  }
  void take_in_order(unsigned picture, const std::vector<std::size_t>& order) {
    for (const std::size_t i : order) take(picture, i);
  }
  bool shows(unsigned picture) const { return as_text(chunks.picture()) == pictures[picture]; }

  std::string pictures[3];
  ChunkAssembler chunks;
};

}  // namespace

Test(chunks, make_a_frame_when_all_are_there) {
  Fixture f;
  for (unsigned picture = 0; picture < 3; ++picture) {
    for (std::size_t i = 0; i + 1 < chunks::kCount; ++i) {
      cr_expect(f.take(picture, i) == Taken::chunk);
    }
    cr_expect(f.take(picture, 19) == Taken::frame);
    cr_expect(f.shows(picture));
  }
  cr_expect(f.chunks.frames() == 3 && f.chunks.dropped() == 0 && f.chunks.doubled() == 0);
}

Test(chunks, make_a_frame_in_whatever_order) {
  Fixture f;
  std::vector<std::size_t> order(chunks::kCount);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::reverse(order);
  f.take_in_order(0, order);
  cr_expect(f.chunks.frames() == 1 && f.shows(0));
  f.take_in_order(0, order);  // the same picture once more is a frame, too
  cr_expect(f.chunks.frames() == 2 && f.shows(0));
  std::swap(order[0], order[19]);
  std::ranges::sort(order);
  std::swap(order[0], order[1]);
  f.take_in_order(1, order);
  cr_expect(f.chunks.frames() == 3 && f.shows(1));
  std::uint32_t seed = 1;
  for (std::size_t i = order.size(); i-- > 1;) {
    seed = seed * 1664525 + 1013904223;
    std::swap(order[i], order[(seed >> 8) % (i + 1)]);
  }
  f.take_in_order(2, order);
  cr_expect(f.chunks.frames() == 4 && f.shows(2));
  cr_expect(f.chunks.dropped() == 0);
}

Test(chunks, of_an_unfinished_frame_are_dropped_with_the_next) {
  for (std::size_t lost = 0; lost < chunks::kCount; ++lost) {
    Fixture f;
    cr_expect(f.take_all(0, lost) == Taken::chunk, "%zu", lost);
    cr_expect(f.take_all(1) == Taken::frame, "%zu", lost);
    cr_expect(f.shows(1), "%zu", lost);
    cr_expect(f.chunks.frames() == 1 && f.chunks.dropped() == 1, "%zu", lost);
  }
}

Test(chunks, of_two_frames_are_never_mixed_where_they_differ) {
  for (std::size_t lost = 0; lost < chunks::kCount; ++lost) {
    for (std::size_t also = 0; also < chunks::kCount; ++also) {
      Fixture f;
      f.take_all(0, lost);
      f.take_all(1, also);
      f.take_all(2);
      cr_expect(f.chunks.frames() == 1 && f.shows(2), "%zu %zu", lost, also);
    }
  }
}

Test(chunks, that_come_twice_do_no_harm) {
  Fixture f;
  for (const unsigned picture : {0u, 1u}) {
    for (std::size_t i = 0; i < chunks::kCount; ++i) {
      f.take(picture, i);
      f.take(picture, i);
    }
  }
  f.take_all(2);
  cr_expect(f.chunks.frames() == 3 && f.shows(2));
  cr_expect(f.chunks.doubled() == 40, "%zu", static_cast<std::size_t>(f.chunks.doubled()));
  cr_expect(f.chunks.dropped() == 0);
}

Test(chunks, of_a_still_picture_count_each_frame) {
  Fixture f;
  for (int i = 0; i < 3; ++i) cr_expect(f.take_all(0) == Taken::frame);
  f.take_all(0, 7);
  f.take_all(0);
  cr_expect(f.chunks.frames() == 4);
  cr_expect(f.chunks.dropped() == 1);
}

Test(chunks, that_are_none_are_refused) {
  Fixture f;
  const std::string good = f.datagram(0, 0);
  for (const unsigned index : {20u, 21u, 128u, 255u}) {
    std::string wrong = good;
    wrong[0] = static_cast<char>(index);
    cr_expect(f.chunks.take(as_bytes(wrong)) == Taken::refused, "%u", index);
  }
  cr_expect(f.chunks.take({}) == Taken::refused);
  cr_expect(f.chunks.take(as_bytes(good.substr(0, 1))) == Taken::refused);
  cr_expect(f.chunks.take(as_bytes(good.substr(0, good.size() - 1))) == Taken::refused);
  cr_expect(f.chunks.take(as_bytes(good + "x")) == Taken::refused);
  cr_expect(f.chunks.refused() == 8);
  cr_expect(f.take_all(0) == Taken::frame);
}
