#pragma once

#include <array>
#include <cstdint>

#include "protocols/multicast/header.h"

namespace sluice::multicast {

/// What the numbers and times in the headers of one sender tell. Pure: the time of arrival is
/// passed in. A new stream id begins anew and keeps the counts.
///
/// Numbers are counted on beyond their 32 bits. One that is less than half of them ahead is ahead,
/// and what it skips is lost until it comes; one behind within kWindow is a duplicate or was
/// reordered; one further behind may be either, counts as reordered, and what was lost stays so.
class Sequence {
 public:
  static constexpr std::uint64_t kWindow = 1024;

  /// `arrived`: nanoseconds since 1970, as the kernel stamps it. Compared with Header::sent for the
  /// delay, which means something when both clocks agree.
  void add(const Header& header, std::int64_t arrived);

  std::uint64_t received() const { return received_; }  ///< with a header, duplicates included
  std::uint64_t lost() const { return lost_before_ + lost_here(); }
  std::uint64_t duplicates() const { return duplicates_; }
  std::uint64_t reordered() const { return reordered_; }
  std::uint64_t restarts() const { return restarts_; }
  std::uint32_t stream() const { return stream_; }
  /// Nanoseconds; RFC 3550, section 6.4.1. In order of arrival, duplicates left out.
  double jitter() const { return jitter_; }

  /// From Header::sent to arrival, in nanoseconds, of all that are no duplicates.
  struct Delay {
    double least = 0, mean = 0, most = 0;
  };
  Delay delay() const;

 private:
  void begin(const Header& header);
  enum class Kind : std::uint8_t { fresh, too_late, duplicate };
  Kind place(std::uint32_t sequence);
  void clear_window(std::uint64_t ahead);
  std::uint64_t lost_here() const { return received_ == 0 ? 0 : highest_ - lowest_ + 1 - unique_; }
  bool seen(std::uint64_t number) const { return window_[word(number)] >> (number % 64) & 1; }
  void mark(std::uint64_t number) { window_[word(number)] |= std::uint64_t{1} << (number % 64); }
  static std::size_t word(std::uint64_t number) { return number % kWindow / 64; }

  std::uint32_t stream_ = 0;
  std::uint64_t received_ = 0, duplicates_ = 0, reordered_ = 0, restarts_ = 0, lost_before_ = 0;
  // Of this stream; numbers are extended so that those before the first one are above zero, too.
  std::uint64_t lowest_ = 0, highest_ = 0, unique_ = 0;
  std::array<std::uint64_t, kWindow / 64> window_{};  // the last kWindow numbers up to highest_
  std::int64_t transit_ = 0;
  double jitter_ = 0;
  double least_delay_ = 0, most_delay_ = 0, sum_delay_ = 0;
  std::uint64_t delays_ = 0;
};

}  // namespace sluice::multicast
