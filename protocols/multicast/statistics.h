#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "protocols/multicast/sequence.h"
#include "reactor/address.h"
#include "reactor/clock.h"

namespace sluice::multicast {

/// Datagrams and bytes, and what they came to in each second between the last two ticks.
struct Traffic {
  std::uint64_t datagrams = 0, bytes = 0;
  double datagrams_per_second = 0, bytes_per_second = 0;

  void add(std::size_t size) {
    ++datagrams;
    bytes += size;
  }
  void tick(double seconds);
  /// The same for all `seconds` since the beginning.
  void average(double seconds);

 private:
  std::uint64_t ticked_datagrams_ = 0, ticked_bytes_ = 0;
};

/// What one host and port has sent to a group.
struct Source {
  Address address;
  Traffic traffic;
  std::unique_ptr<Sequence> sequence;  ///< null as long as nothing came with a Header
};

/// What has come to one group, as a whole and by source. Pure: no sockets, no clock. Sources are
/// anybody's invention, so there are at most so many: then the one that has been silent for longest
/// makes room, and is counted. Not movable.
class Statistics {
 public:
  static constexpr std::size_t kMaxSources = 256;

  explicit Statistics(TimePoint start, std::size_t max_sources = kMaxSources);
  Statistics(const Statistics&) = delete;
  Statistics& operator=(const Statistics&) = delete;

  /// `arrived`: nanoseconds since 1970. Whether it has a Header.
  bool add(const Address& from, std::span<const std::byte> datagram, std::int64_t arrived);

  /// Rates are those of the time since the last call, or the start: one every second or so.
  void tick(TimePoint now);
  /// Rates are those of all the time since the beginning.
  void average(TimePoint now);

  const Traffic& all() const { return all_; }
  /// Those that have not been forgotten, the one that spoke last first.
  std::vector<const Source*> sources() const;
  std::uint64_t forgotten() const { return forgotten_; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  /// An address and its port as numbers, quickly made and compared.
  struct Key {
    std::uint64_t high = 0, low = 0;
    std::uint32_t port_and_zone = 0;
    bool operator==(const Key&) const = default;
  };
  struct Entry {
    Key key;
    Source source;
    std::uint32_t next_in_bucket = kNone;
    std::uint32_t newer = kNone, older = kNone;  // by when they spoke last
  };

  static Key key_of(const Address& address);
  std::uint32_t& bucket_of(const Key& key);
  std::uint32_t find(const Key& key);
  std::uint32_t make(const Key& key, const Address& from);
  std::uint32_t forget_oldest();
  void put_first(std::uint32_t index);
  void take_out(std::uint32_t index);

  std::size_t max_sources_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> buckets_;  // a power of two of them
  std::uint32_t newest_ = kNone, oldest_ = kNone;
  std::uint64_t seed_;  // so that nobody can choose addresses that share a bucket
  Traffic all_;
  std::uint64_t forgotten_ = 0;
  TimePoint began_, ticked_;
};

}  // namespace sluice::multicast
