#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "reactor/address.h"
#include "reactor/clock.h"

namespace sluice::echo {

/// How many datagrams a second each host may have answered, in a table of fixed size: a stream of
/// invented senders makes it forget who was quiet longest, never grow.
///
/// A host is an IPv4 address or the first 64 bits of an IPv6 one, which are one customer's (of
/// fe80::/10 the last 64, as the first are everybody's). One that was quiet may have a second's
/// worth at once.
class SourceRate {
 public:
  /// Datagrams a second, above 0.
  explicit SourceRate(double rate);

  /// Whether the host of `from` may have one more; counts it if so.
  bool take(const Address& from, TimePoint now);

 private:
  static constexpr std::size_t kSets = 1024, kWays = 4;
  struct Entry {
    std::uint64_t host = 0;
    TimePoint paid;  // until then its datagrams are spoken for (GCRA: ITU-T I.371, annex A)
  };

  Duration interval_;
  std::vector<std::array<Entry, kWays>> sets_;  // empty until the first datagram
};

}  // namespace sluice::echo
