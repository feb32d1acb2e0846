#include "protocols/tftp/window.h"

#include <algorithm>
#include <optional>

namespace sluice::tftp {
namespace {

/// How often a sign that may be the echo of blocks sent twice is believed, in a row.
constexpr unsigned kMaxDoubts = 4;

std::uint16_t bounded(std::uint16_t window) {
  return std::clamp<std::uint16_t>(window, 1, kMaxWindow);
}

/// How many blocks there are before their numbers come again.
std::uint32_t numbers(std::uint16_t rollover) {
  return 65536U - rollover;
}

/// How many blocks behind `from` the next one with the wire's number `block` is, from 0 on.
/// With rollover 1 number 0 stands for nothing but the beginning.
std::optional<std::uint32_t> distance(std::uint64_t from, std::uint16_t block,
                                      std::uint16_t rollover) {
  if (rollover == 1 && block == 0 && from > 0) return std::nullopt;
  const std::uint32_t count = numbers(rollover);
  return (block + count - wire_number(from, rollover)) % count;
}

}  // namespace

std::uint16_t wire_number(std::uint64_t number, std::uint16_t rollover) {
  if (number <= 65535) return static_cast<std::uint16_t>(number);
  return static_cast<std::uint16_t>((number - rollover) % numbers(rollover) + rollover);
}

SendWindow::SendWindow(std::uint16_t window, std::uint16_t rollover)
    : window_(bounded(window)), rollover_(std::min<std::uint16_t>(rollover, 1)) {}

std::uint64_t SendWindow::highest() const {
  return last_ == 0 ? sent_ : std::min(sent_, last_);
}

SendWindow::Blocks SendWindow::window_behind_acked() {
  resent_ = std::max(resent_, acked_ < sent_ ? highest() : 0);
  sent_ = acked_ + window_;
  return {acked_ + 1, static_cast<std::uint32_t>(highest() - acked_)};
}

SendWindow::Blocks SendWindow::begin() {
  return window_behind_acked();
}

SendWindow::Blocks SendWindow::on_ack(std::uint16_t block) {
  measures_ = false;
  const auto further = distance(acked_, block, rollover_);
  if (!further || *further > highest() - acked_) return {};
  if (*further == 0) {
    const bool sent_once = resent_ == 0 || acked_ > resent_;
    if (window_ == 1 || !sent_once) return {};
    return window_behind_acked();
  }
  acked_ += *further;
  measures_ = acked_ > resent_;
  if (measures_) {
    doubts_ = 0;
  } else if (acked_ < highest() && ++doubts_ > kMaxDoubts) {
    return {};
  }
  return window_behind_acked();
}

SendWindow::Blocks SendWindow::on_timeout() {
  doubts_ = 0;
  return window_behind_acked();
}

ReceiveWindow::ReceiveWindow(std::uint16_t window, std::uint16_t rollover)
    : window_(bounded(window)), rollover_(std::min<std::uint16_t>(rollover, 1)) {}

ReceiveWindow::Verdict ReceiveWindow::acknowledged(bool take) {
  acked_ = received_;
  unheard_ = false;
  return {.take = take, .ack = true};
}

ReceiveWindow::Verdict ReceiveWindow::on_data(std::uint16_t block, bool last) {
  const auto further = distance(received_, block, rollover_);
  if (!further) return {};
  if (*further >= 1 && *further <= window_) {
    if (done_) return {};
    return *further == 1 ? on_next(last) : on_gap(received_ + *further);
  }
  const std::uint32_t back = *further == 0 ? 0 : numbers(rollover_) - *further;
  // A sender can have gone back no further than by a window.
  if (back >= window_ || back >= received_) return {};
  return on_old(received_ - back);
}

ReceiveWindow::Verdict ReceiveWindow::on_next(bool last) {
  ++received_;
  ahead_ = 0;
  done_ = last;
  if (last || received_ - acked_ >= window_) return acknowledged(true);
  return {.take = true};
}

/// Behind each gap one acknowledgement is enough, but for a sender that begins there again.
ReceiveWindow::Verdict ReceiveWindow::on_gap(std::uint64_t number) {
  const bool again = ahead_ == 0 || number < ahead_;
  ahead_ = number;
  if (!again) return {};
  return acknowledged(false);
}

/// In the middle of a window it is an echo: of blocks that the network doubled, or that were sent
/// again for nothing.
ReceiveWindow::Verdict ReceiveWindow::on_old(std::uint64_t number) {
  if (number <= acked_) unheard_ = true;
  if (number < received_ || !unheard_) return {};
  return acknowledged(false);
}

void ReceiveWindow::on_timeout() {
  ahead_ = 0;
  acknowledged(false);
}

}  // namespace sluice::tftp
