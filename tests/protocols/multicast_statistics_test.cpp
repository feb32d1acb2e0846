#include "protocols/multicast/statistics.h"

#include <criterion/criterion.h>

#include <array>
#include <cmath>

#include "reactor/text.h"

using namespace sluice;
using namespace sluice::multicast;
using namespace std::chrono_literals;

namespace {

Address host(unsigned number, std::uint16_t port = 1000) {
  return *Address::parse(
      concat("10.", number >> 16, '.', number >> 8 & 255, '.', number & 255, ':', port));
}

std::array<std::byte, kHeaderBytes> numbered(std::uint32_t stream, std::uint32_t sequence) {
  std::array<std::byte, kHeaderBytes> out;
  put_header(out, {stream, sequence, 0});
  return out;
}

const Source* find(const Statistics& statistics, const Address& address) {
  for (const Source* source : statistics.sources()) {
    if (source->address == address) return source;
  }
  return nullptr;
}

constexpr TimePoint kStart{1h};

}  // namespace

Test(multicast_statistics, count_as_a_whole_and_by_source) {
  Statistics statistics(kStart);
  statistics.add(host(1), as_bytes("four"), 0);
  statistics.add(host(1), as_bytes(""), 0);
  statistics.add(host(2), as_bytes("sixsix"), 0);
  cr_expect(statistics.all().datagrams == 3);
  cr_expect(statistics.all().bytes == 10);
  cr_assert(statistics.sources().size() == 2);
  cr_expect(find(statistics, host(1))->traffic.datagrams == 2);
  cr_expect(find(statistics, host(2))->traffic.bytes == 6);
}

Test(multicast_statistics, take_two_ports_of_a_host_for_two_sources) {
  Statistics statistics(kStart);
  statistics.add(host(1, 1000), as_bytes("x"), 0);
  statistics.add(host(1, 1001), as_bytes("x"), 0);
  statistics.add(*Address::parse("[fd00::1]:1000"), as_bytes("x"), 0);
  statistics.add(*Address::parse("[fd00::2]:1000"), as_bytes("x"), 0);
  statistics.add(*Address::parse("[fd00::2]:1000"), as_bytes("x"), 0);
  cr_expect(statistics.sources().size() == 4);
}

Test(multicast_statistics, name_the_one_that_spoke_last_first) {
  Statistics statistics(kStart);
  for (const unsigned who : {1U, 2U, 3U, 2U, 1U, 1U}) {
    statistics.add(host(who), as_bytes("x"), 0);
  }
  const auto sources = statistics.sources();
  cr_assert(sources.size() == 3);
  cr_expect(sources[0]->address == host(1));
  cr_expect(sources[1]->address == host(2));
  cr_expect(sources[2]->address == host(3));
}

Test(multicast_statistics, forget_the_source_that_was_silent_for_longest) {
  Statistics statistics(kStart, 3);
  for (const unsigned who : {1U, 2U, 3U, 1U, 4U}) statistics.add(host(who), as_bytes("x"), 0);
  cr_expect(statistics.forgotten() == 1);
  cr_expect(!find(statistics, host(2)));
  cr_assert(find(statistics, host(1)));
  cr_expect(find(statistics, host(1))->traffic.datagrams == 2);
  statistics.add(host(2), as_bytes("x"), 0);
  cr_expect(!find(statistics, host(3)));
  cr_expect(find(statistics, host(2))->traffic.datagrams == 1);
  cr_expect(statistics.all().datagrams == 6);
}

Test(multicast_statistics, stay_within_bounds_however_many_sources_are_made_up) {
  Statistics statistics(kStart);
  constexpr unsigned kMany = 100'000;
  for (unsigned who = 0; who < kMany; ++who) {
    statistics.add(host(who), numbered(who, 0), 0);
  }
  cr_expect(statistics.sources().size() == Statistics::kMaxSources);
  cr_expect(statistics.forgotten() == kMany - Statistics::kMaxSources);
  cr_expect(statistics.all().datagrams == kMany);
  for (unsigned who = kMany - Statistics::kMaxSources; who < kMany; ++who) {
    cr_expect(find(statistics, host(who)), "%u", who);
  }
}

Test(multicast_statistics, can_hold_a_single_source) {
  Statistics statistics(kStart, 1);
  for (const unsigned who : {1U, 1U, 2U, 1U}) statistics.add(host(who), as_bytes("x"), 0);
  cr_expect(statistics.sources().size() == 1);
  cr_expect(statistics.forgotten() == 2);
}

Test(multicast_statistics, have_at_the_end_the_rates_of_all_the_time) {
  Statistics statistics(kStart, 10);
  for (int i = 0; i < 6; ++i) statistics.add(Address::loopback_v4(1), {}, 0);
  statistics.tick(kStart + 1s);
  for (int i = 0; i < 2; ++i) statistics.add(Address::loopback_v4(1), {}, 0);
  statistics.average(kStart + 4s);
  cr_expect(statistics.all().datagrams_per_second == 2);
  cr_expect(statistics.sources()[0]->traffic.datagrams_per_second == 2);
}

Test(multicast_statistics, have_rates_of_the_time_between_two_ticks) {
  Statistics statistics(kStart);
  for (int i = 0; i < 10; ++i) statistics.add(host(1), as_bytes("12345"), 0);
  statistics.tick(kStart + 2s);
  cr_expect(std::abs(statistics.all().datagrams_per_second - 5) < 1e-9);
  cr_expect(std::abs(statistics.all().bytes_per_second - 25) < 1e-9);
  cr_expect(std::abs(find(statistics, host(1))->traffic.datagrams_per_second - 5) < 1e-9);
  statistics.tick(kStart + 2s);  // no time has passed
  cr_expect(std::abs(statistics.all().datagrams_per_second - 5) < 1e-9);
  statistics.add(host(1), as_bytes("12345"), 0);
  statistics.tick(kStart + 3s);
  cr_expect(std::abs(statistics.all().datagrams_per_second - 1) < 1e-9);
  statistics.tick(kStart + 4s);
  cr_expect(std::abs(statistics.all().datagrams_per_second) < 1e-9);
}

Test(multicast_statistics, keep_the_numbers_of_each_source_apart) {
  Statistics statistics(kStart);
  for (const std::uint32_t number : {0U, 1U, 3U}) {
    statistics.add(host(1), numbered(7, number), 0);
    statistics.add(host(2), numbered(7, 100 + number * 2), 0);
  }
  statistics.add(host(3), as_bytes("no header"), 0);
  cr_expect(find(statistics, host(1))->sequence->lost() == 1);
  cr_expect(find(statistics, host(2))->sequence->lost() == 4);
  cr_expect(!find(statistics, host(3))->sequence);
}
