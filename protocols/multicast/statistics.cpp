#include "protocols/multicast/statistics.h"

#include <netinet/in.h>
#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace sluice::multicast {

void Traffic::tick(double seconds) {
  datagrams_per_second = static_cast<double>(datagrams - ticked_datagrams_) / seconds;
  bytes_per_second = static_cast<double>(bytes - ticked_bytes_) / seconds;
  ticked_datagrams_ = datagrams;
  ticked_bytes_ = bytes;
}

void Traffic::average(double seconds) {
  ticked_datagrams_ = ticked_bytes_ = 0;
  tick(seconds);
}

Statistics::Statistics(TimePoint start, std::size_t max_sources)
    : max_sources_(std::max<std::size_t>(max_sources, 1)),
      buckets_(std::bit_ceil(max_sources_ * 2), kNone),
      seed_(reinterpret_cast<std::uintptr_t>(this)),
      began_(start),
      ticked_(start) {
  (void)getrandom(&seed_, sizeof seed_, GRND_NONBLOCK);
}

bool Statistics::add(const Address& from, std::span<const std::byte> datagram,
                     std::int64_t arrived) {
  all_.add(datagram.size());
  const Key key = key_of(from);
  std::uint32_t index = newest_;
  if (index == kNone || entries_[index].key != key) {
    index = find(key);
    if (index == kNone) {
      index = make(key, from);
    } else {
      take_out(index);
    }
    put_first(index);
  }
  Source& source = entries_[index].source;
  source.traffic.add(datagram.size());
  const auto header = parse_header(datagram);
  if (!header) return false;
  if (!source.sequence) source.sequence = std::make_unique<Sequence>();
  source.sequence->add(*header, arrived);
  return true;
}

void Statistics::tick(TimePoint now) {
  const double seconds = std::chrono::duration<double>(now - ticked_).count();
  if (seconds <= 0) return;
  ticked_ = now;
  all_.tick(seconds);
  for (Entry& entry : entries_) entry.source.traffic.tick(seconds);
}

void Statistics::average(TimePoint now) {
  const double seconds = std::chrono::duration<double>(now - began_).count();
  if (seconds <= 0) return;
  ticked_ = now;
  all_.average(seconds);
  for (Entry& entry : entries_) entry.source.traffic.average(seconds);
}

std::vector<const Source*> Statistics::sources() const {
  std::vector<const Source*> all;
  all.reserve(entries_.size());
  for (std::uint32_t index = newest_; index != kNone; index = entries_[index].older) {
    all.push_back(&entries_[index].source);
  }
  return all;
}

// --- the table -----------------------------------------------------------------------------------

Statistics::Key Statistics::key_of(const Address& address) {
  Key key;
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const ::sockaddr_in*>(address.data());
    key.low = v4->sin_addr.s_addr;
    key.port_and_zone = v4->sin_port;
  } else if (address.family() == AF_INET6) {
    const auto* v6 = reinterpret_cast<const ::sockaddr_in6*>(address.data());
    std::memcpy(&key.high, &v6->sin6_addr, sizeof key.high);
    std::memcpy(&key.low, &v6->sin6_addr.s6_addr[8], sizeof key.low);
    key.port_and_zone = v6->sin6_port | v6->sin6_scope_id << 16;
  }
  return key;
}

std::uint32_t& Statistics::bucket_of(const Key& key) {
  // Products of 64 bits, whose upper half depends on all of what went in.
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  std::uint64_t hash = (key.low ^ seed_) * kOdd;
  hash = (std::rotl(hash, 32) ^ key.high ^ seed_) * kOdd;
  hash = (std::rotl(hash, 32) ^ key.port_and_zone) * kOdd;
  return buckets_[(hash >> 32) & (buckets_.size() - 1)];
}

std::uint32_t Statistics::find(const Key& key) {
  std::uint32_t index = bucket_of(key);
  while (index != kNone && entries_[index].key != key) index = entries_[index].next_in_bucket;
  return index;
}

std::uint32_t Statistics::make(const Key& key, const Address& from) {
  std::uint32_t index = kNone;
  if (entries_.size() < max_sources_) {
    index = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    index = forget_oldest();
  }
  Entry& entry = entries_[index];
  entry.key = key;
  entry.source.address = from;
  std::uint32_t& bucket = bucket_of(key);
  entry.next_in_bucket = std::exchange(bucket, index);
  return index;
}

std::uint32_t Statistics::forget_oldest() {
  const std::uint32_t index = oldest_;
  take_out(index);
  std::uint32_t* link = &bucket_of(entries_[index].key);
  while (*link != index) link = &entries_[*link].next_in_bucket;
  *link = entries_[index].next_in_bucket;
  entries_[index] = Entry{};
  ++forgotten_;
  return index;
}

void Statistics::put_first(std::uint32_t index) {
  entries_[index].newer = kNone;
  entries_[index].older = newest_;
  (newest_ == kNone ? oldest_ : entries_[newest_].newer) = index;
  newest_ = index;
}

void Statistics::take_out(std::uint32_t index) {
  const Entry& entry = entries_[index];
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
}

}  // namespace sluice::multicast
