#include "protocols/multicast/sequence.h"

#include <algorithm>
#include <cmath>

namespace sluice::multicast {
namespace {

/// What two clocks, one of them a stranger's, are apart: modulo 2^64, as anything may stand there.
std::int64_t difference(std::uint64_t later, std::uint64_t earlier) {
  return static_cast<std::int64_t>(later - earlier);
}

}  // namespace

void Sequence::add(const Header& header, std::int64_t arrived) {
  const bool first = received_ == 0 || header.stream != stream_;
  if (first) begin(header);
  ++received_;
  const Kind kind = place(header.sequence);
  if (kind == Kind::duplicate) {
    ++duplicates_;
    return;
  }
  if (kind == Kind::fresh) ++unique_;
  const std::int64_t transit = difference(static_cast<std::uint64_t>(arrived), header.sent);
  const auto delay = static_cast<double>(transit);
  if (!first) {
    const auto change = static_cast<double>(
        difference(static_cast<std::uint64_t>(transit), static_cast<std::uint64_t>(transit_)));
    jitter_ += (std::abs(change) - jitter_) / 16;
  }
  transit_ = transit;
  least_delay_ = delays_ == 0 ? delay : std::min(least_delay_, delay);
  most_delay_ = delays_ == 0 ? delay : std::max(most_delay_, delay);
  sum_delay_ += delay;
  ++delays_;
}

void Sequence::begin(const Header& header) {
  if (received_ != 0) {
    ++restarts_;
    lost_before_ += lost_here();
  }
  stream_ = header.stream;
  lowest_ = highest_ = (std::uint64_t{1} << 32) + header.sequence;
  unique_ = 0;
  window_.fill(0);
  jitter_ = 0;
}

Sequence::Kind Sequence::place(std::uint32_t sequence) {
  const auto ahead = static_cast<std::int32_t>(sequence - static_cast<std::uint32_t>(highest_));
  const std::uint64_t number = highest_ + static_cast<std::uint64_t>(std::int64_t{ahead});
  if (ahead > 0) {
    clear_window(static_cast<std::uint64_t>(ahead));
    highest_ = number;
  } else if (static_cast<std::uint64_t>(-std::int64_t{ahead}) >= kWindow) {
    ++reordered_;
    return Kind::too_late;
  } else if (seen(number)) {
    return Kind::duplicate;
  } else if (ahead < 0) {
    ++reordered_;
    lowest_ = std::min(lowest_, number);
  }
  mark(number);
  return Kind::fresh;
}

/// Of the numbers that are skipped, none has been seen; they had stood for older ones.
void Sequence::clear_window(std::uint64_t ahead) {
  if (ahead >= kWindow) return window_.fill(0);
  for (std::uint64_t number = highest_ + 1; number <= highest_ + ahead; ++number) {
    window_[word(number)] &= ~(std::uint64_t{1} << (number % 64));
  }
}

Sequence::Delay Sequence::delay() const {
  if (delays_ == 0) return {};
  return {least_delay_, sum_delay_ / static_cast<double>(delays_), most_delay_};
}

}  // namespace sluice::multicast
