#include "protocols/ftp/login_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace sluice::ftp {
namespace {

// Their product is a time that fits.
constexpr unsigned kMaxBurst = 1'000'000;
constexpr Duration kMaxRefill = std::chrono::hours(1);

}  // namespace

LoginGuard::LoginGuard(Options options)
    : options_{std::min(options.burst, kMaxBurst),
               std::clamp(options.refill, Duration::zero(), kMaxRefill)} {}

LoginGuard::Key LoginGuard::key_of(const Address& peer) {
  if (peer.family() == AF_INET) {
    ::sockaddr_in v4;
    std::memcpy(&v4, peer.data(), sizeof v4);
    return {AF_INET, v4.sin_addr.s_addr};
  }
  if (peer.family() != AF_INET6) return {AF_UNIX, 0};
  ::sockaddr_in6 v6;
  std::memcpy(&v6, peer.data(), sizeof v6);
  const std::uint8_t* bytes = v6.sin6_addr.s6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    std::uint32_t bits;
    std::memcpy(&bits, bytes + 12, sizeof bits);
    return {AF_INET, bits};
  }
  std::uint64_t network;
  std::memcpy(&network, bytes, sizeof network);
  return {AF_INET6, network};
}

Duration LoginGuard::wait(const Address& peer, TimePoint now) {
  const auto found = full_.find(key_of(peer));
  if (found == full_.end()) return Duration::zero();
  if (found->second <= now) {
    full_.erase(found);
    return Duration::zero();
  }
  const Duration owed = found->second - now;
  return std::max(Duration::zero(), owed - options_.refill * (options_.burst - 1));
}

void LoginGuard::failed(const Address& peer, TimePoint now) {
  if (options_.burst == 0) return;
  const Key key = key_of(peer);
  auto found = full_.find(key);
  if (found == full_.end()) {
    make_room(now);
    found = full_.emplace(key, now).first;
  }
  // Those that were under way when the credit ran out do not make anyone wait for longer.
  const TimePoint worst = now + options_.refill * options_.burst;
  found->second = std::min(std::max(found->second, now) + options_.refill, worst);
}

void LoginGuard::make_room(TimePoint now) {
  if (full_.size() < kMaxAddresses) return;
  std::erase_if(full_, [now](const auto& entry) { return entry.second <= now; });
  if (full_.size() < kMaxAddresses) return;
  full_.erase(std::ranges::min_element(full_, {}, &decltype(full_)::value_type::second));
}

}  // namespace sluice::ftp
