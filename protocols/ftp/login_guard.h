#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "reactor/address.h"
#include "reactor/clock.h"

namespace sluice::ftp {

/// Counts wrong passwords by address, so that guessing takes long: each address has `burst` of them
/// to its credit and gets one back every `refill`. IPv6 addresses count by their /64, IPv4 ones
/// mapped into IPv6 as the IPv4 ones they are, Unix sockets all as one. Bounded: of more than
/// `kMaxAddresses` the one that is nearest to a full credit is forgotten.
class LoginGuard {
 public:
  static constexpr std::size_t kMaxAddresses = 4096;
  struct Options {
    unsigned burst = 50;  ///< 0: nobody ever waits
    Duration refill = std::chrono::seconds(10);
  };

  explicit LoginGuard(Options options);

  /// How long `peer` has to wait until it may try again; zero: now.
  Duration wait(const Address& peer, TimePoint now);
  void failed(const Address& peer, TimePoint now);

  /// How many are remembered.
  std::size_t size() const { return full_.size(); }

 private:
  using Key = std::pair<int, std::uint64_t>;  // the family, the bits that count

  static Key key_of(const Address& peer);
  void make_room(TimePoint now);

  Options options_;
  std::map<Key, TimePoint> full_;  // when the credit is full again
};

}  // namespace sluice::ftp
