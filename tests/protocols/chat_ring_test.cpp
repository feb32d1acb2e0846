#include "protocols/chat/ring.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <random>
#include <string>

using sluice::chat::Range;
using sluice::chat::Ring;

namespace {

std::string text(const Ring& ring, Range range) {
  iovec pieces[2];
  const int count = ring.slice(range, pieces);
  std::string out;
  for (int i = 0; i < count; ++i) {
    out.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  }
  return out;
}

}  // namespace

Test(chat_ring, is_empty_at_first) {
  const Ring ring(8);
  cr_expect_eq(ring.head(), 0);
  cr_expect_eq(ring.tail(), 0);
  cr_expect_eq(ring.capacity(), 8);
  cr_expect(text(ring, {0, 0}).empty());
}

Test(chat_ring, keeps_the_last_bytes) {
  Ring ring(8);
  ring.append("01234");
  cr_expect_eq(ring.tail(), 0);
  ring.append("56789");
  cr_expect_eq(ring.head(), 10);
  cr_expect_eq(ring.tail(), 2);
  cr_expect(text(ring, {2, 10}) == "23456789");
  cr_expect_eq(ring.at(2), '2');
  cr_expect_eq(ring.at(9), '9');
}

Test(chat_ring, gives_one_piece_where_it_can) {
  Ring ring(8);
  iovec pieces[2];
  ring.append("01234567");
  cr_expect_eq(ring.slice({0, 8}, pieces), 1);
  cr_expect_eq(ring.slice({3, 3}, pieces), 0);
  ring.append("89ab");
  cr_expect_eq(ring.slice({4, 8}, pieces), 1);
  cr_expect_eq(ring.slice({8, 12}, pieces), 1);
  cr_expect_eq(ring.slice({4, 12}, pieces), 2);
  cr_expect(text(ring, {4, 12}) == "456789ab");
}

Test(chat_ring, takes_as_much_as_it_holds_at_any_place) {
  for (std::size_t before = 0; before < 20; ++before) {
    Ring ring(8);
    for (std::size_t i = 0; i < before; ++i) ring.append("x");
    ring.append("");
    ring.append("abcdefgh");
    cr_expect(text(ring, {before, before + 8}) == "abcdefgh");
  }
}

Test(chat_ring, grows_and_keeps_its_positions) {
  Ring ring(8);
  ring.append("0123");
  ring.append("456789ab");
  ring.resize(16);
  cr_expect_eq(ring.capacity(), 16);
  cr_expect_eq(ring.head(), 12);
  cr_expect(text(ring, {4, 12}) == "456789ab");
  ring.append("cdef");
  cr_expect(text(ring, {4, 16}) == "456789abcdef");
}

Test(chat_ring, does_not_get_back_by_growing_what_it_has_lost) {
  Ring ring(8);
  ring.append("0123");
  ring.append("456789ab");
  ring.resize(16);
  cr_expect_eq(ring.tail(), 4, "tail %zu", static_cast<std::size_t>(ring.tail()));
  ring.append("cdefghij");
  cr_expect_eq(ring.tail(), 4);
  ring.append("k");
  cr_expect_eq(ring.tail(), 5);
}

Test(chat_ring, can_grow_before_it_holds_anything) {
  Ring ring(8);
  ring.resize(16);
  cr_expect_eq(ring.tail(), 0);
  ring.append("0123456789");
  cr_expect(text(ring, {0, 10}) == "0123456789");
}

Test(chat_ring, is_the_end_of_all_that_was_appended) {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    Ring ring(16);
    std::string all;
    for (int step = 0; step < 200; ++step) {
      if (random() % 40 == 0 && ring.capacity() < 512) ring.resize(ring.capacity() * 2);
      std::string more(random() % (ring.capacity() + 1), '\0');
      std::ranges::generate(more, [&] { return static_cast<char>('a' + random() % 26); });
      ring.append(more);
      all += more;
      cr_assert(ring.head() == all.size());
      cr_assert(ring.head() - ring.tail() <= ring.capacity());
      const std::uint64_t begin = ring.tail() + random() % (ring.head() - ring.tail() + 1);
      const std::uint64_t end = begin + random() % (ring.head() - begin + 1);
      cr_assert(text(ring, {begin, end}) == all.substr(begin, end - begin));
      if (begin < ring.head()) cr_assert(ring.at(begin) == all[begin]);
    }
  }
}

Test(chat_ring, keeps_its_last_bytes_when_it_becomes_smaller) {
  for (std::size_t before = 0; before < 40; ++before) {
    Ring ring(16);
    std::string all;
    for (std::size_t i = 0; i < before; ++i) {
      all += static_cast<char>('a' + i % 26);
      ring.append(all.substr(i));
    }
    ring.resize(8);
    cr_assert_eq(ring.capacity(), 8);
    cr_assert_eq(ring.head(), before);
    cr_assert_eq(ring.tail(), before - std::min<std::size_t>(before, 8));
    cr_assert(text(ring, {ring.tail(), ring.head()}) == all.substr(ring.tail()));
    ring.append("0123");
    cr_assert(text(ring, {ring.head() - 4, ring.head()}) == "0123");
  }
}
