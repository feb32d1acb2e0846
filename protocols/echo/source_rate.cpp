#include "protocols/echo/source_rate.h"

#include <algorithm>
#include <cstring>

namespace sluice::echo {
namespace {

using namespace std::chrono_literals;

constexpr Duration kBurst = 1s;

std::uint64_t host_of(const Address& address) {
  const Address plain = address.unmapped();
  if (plain.family() == AF_INET) {
    ::sockaddr_in v4;
    std::memcpy(&v4, plain.data(), sizeof v4);
    return v4.sin_addr.s_addr;
  }
  if (plain.family() != AF_INET6) return 0;
  ::sockaddr_in6 v6;
  std::memcpy(&v6, plain.data(), sizeof v6);
  std::uint64_t halves[2];
  std::memcpy(halves, &v6.sin6_addr, sizeof halves);
  return halves[IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) ? 1 : 0];
}

}  // namespace

SourceRate::SourceRate(double rate)
    : interval_(std::max<std::int64_t>(1, static_cast<std::int64_t>(1e9 / rate))) {}

bool SourceRate::take(const Address& from, TimePoint now) {
  if (sets_.empty()) sets_.resize(kSets);
  const std::uint64_t host = host_of(from);
  // Fibonacci hashing: the golden ratio of 2^64 spreads neighbours, the top bits are the best.
  auto& set = sets_[host * 0x9e3779b97f4a7c15U >> (64 - 10)];
  static_assert(kSets == 1 << 10);
  auto entry = std::ranges::find(set, host, &Entry::host);
  if (entry == set.end()) {
    entry = std::ranges::min_element(set, {}, &Entry::paid);
    *entry = {host, now};
  }
  const TimePoint paid = std::max(entry->paid, now) + interval_;
  if (paid - now > std::max(kBurst, interval_)) return false;
  entry->paid = paid;
  return true;
}

}  // namespace sluice::echo
