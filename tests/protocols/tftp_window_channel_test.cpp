// Both halves of the windows, joined by a channel that loses, doubles and reorders at random, from
// a printed seed that SLUICE_SEED sets.

#include <criterion/criterion.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>

#include "protocols/tftp/window.h"

using namespace sluice::tftp;

namespace {

/// In turns: as long as one datagram takes.
constexpr std::uint64_t kDelay = 20, kSilence = 300;

struct Weather {
  double loss = 0, twice = 0, late = 0;
  std::uint64_t latest = 60;  ///< turns that one which comes late is late by, at most
};

struct Case {
  std::uint16_t window = 1;
  std::uint16_t rollover = 0;
  std::uint64_t blocks = 1;
  Weather weather{};
};

std::uint64_t seed() {
  static const std::uint64_t chosen = [] {
    const char* given = std::getenv("SLUICE_SEED");
    const std::uint64_t value = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::fprintf(stderr, "SLUICE_SEED=%lu\n", static_cast<unsigned long>(value));
    return value;
  }();
  return chosen;
}

/// One direction. What arrives at the same time arrives in the order in which it was sent.
template <class Packet>
class Channel {
 public:
  Channel(std::mt19937_64& random, const Weather& weather) : random_(random), weather_(weather) {}

  void send(std::uint64_t now, Packet packet) {
    if (chance(weather_.loss)) return;
    under_way_.emplace(arrival(now), packet);
    if (chance(weather_.twice)) under_way_.emplace(arrival(now), packet);
  }
  std::uint64_t next() const { return under_way_.empty() ? UINT64_MAX : under_way_.begin()->first; }
  Packet take() {
    const Packet packet = under_way_.begin()->second;
    under_way_.erase(under_way_.begin());
    return packet;
  }

 private:
  bool chance(double probability) {
    return probability > 0 && std::uniform_real_distribution<>()(random_) < probability;
  }
  std::uint64_t arrival(std::uint64_t now) {
    return now + kDelay + (chance(weather_.late) ? random_() % weather_.latest : 0);
  }

  std::mt19937_64& random_;
  Weather weather_;
  std::multimap<std::uint64_t, Packet> under_way_;
};

/// A block carries its own number in 64 bits as its contents.
struct Block {
  std::uint64_t number = 0;
};

class Exchange {
 public:
  Exchange(const Case& a_case, std::uint64_t a_seed)
      : case_(a_case),
        random_(a_seed),
        data_(random_, a_case.weather),
        acks_(random_, a_case.weather),
        sender_(a_case.window, a_case.rollover),
        receiver_(a_case.window, a_case.rollover) {}

  /// Whether every block came once and in order, and both know that it is over.
  bool runs() {
    send(sender_.begin());
    const std::uint64_t bound = 4000 * (case_.blocks + case_.window) + 1'000'000;
    while (!sender_.done() && in_order_ && now_ < bound) step();
    return in_order_ && sender_.done() && receiver_.done() && taken_ == case_.blocks;
  }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t acknowledgements() const { return acknowledgements_; }

 private:
  void step() {
    const std::uint64_t silent = last_sent_ + kSilence;
    if (data_.next() <= acks_.next() && data_.next() <= silent) {
      now_ = std::max(now_, data_.next());
      on_block(data_.take());
    } else if (acks_.next() <= silent) {
      now_ = std::max(now_, acks_.next());
      send(sender_.on_ack(acks_.take()));
    } else {
      now_ = std::max(now_, silent);
      last_sent_ = now_;
      send(sender_.on_timeout());
    }
  }
  void send(SendWindow::Blocks blocks) {
    for (std::uint64_t i = 0; i < blocks.count; ++i) {
      const std::uint64_t number = blocks.first + i;
      if (number == case_.blocks) sender_.set_last(number);
      if (number > case_.blocks) break;
      last_sent_ = std::max(last_sent_, now_) + 1;
      data_.send(last_sent_, {number});
      ++sent_;
    }
  }
  void on_block(Block block) {
    const auto number = wire_number(block.number, case_.rollover);
    const auto verdict = receiver_.on_data(number, block.number == case_.blocks);
    if (verdict.take && block.number != ++taken_) in_order_ = false;
    if (!verdict.ack) return;
    ++acknowledgements_;
    acks_.send(now_, wire_number(receiver_.received(), case_.rollover));
  }

  Case case_;
  std::mt19937_64 random_;
  Channel<Block> data_;
  Channel<std::uint16_t> acks_;
  SendWindow sender_;
  ReceiveWindow receiver_;
  std::uint64_t now_ = 0, last_sent_ = 0;
  std::uint64_t taken_ = 0, sent_ = 0, acknowledgements_ = 0;
  bool in_order_ = true;
};

void expect_whole(const Case& a_case, std::uint64_t times = 1) {
  for (std::uint64_t i = 0; i < times; ++i) {
    cr_expect(Exchange(a_case, seed() + i).runs(), "window %u, rollover %u, %lu blocks, seed %lu",
              a_case.window, a_case.rollover, static_cast<unsigned long>(a_case.blocks),
              static_cast<unsigned long>(seed() + i));
  }
}

constexpr std::uint16_t kWindows[] = {1, 2, 8, 64};
constexpr std::uint16_t kRollovers[] = {0, 1};
constexpr Weather kFoul{.loss = 0.2, .twice = 0.1, .late = 0.2};
constexpr Weather kWet{.loss = 0.01, .twice = 0.01, .late = 0.01};

}  // namespace

Test(tftp_window_channel, sends_nothing_twice_while_nothing_is_lost) {
  for (const std::uint16_t window : kWindows) {
    Exchange exchange({.window = window, .blocks = 1000}, 1);
    cr_expect(exchange.runs());
    cr_expect_eq(exchange.sent(), 1000);
    cr_expect_eq(exchange.acknowledgements(), (1000U + window - 1) / window);
  }
}

Test(tftp_window_channel, delivers_files_of_any_few_blocks) {
  for (const std::uint16_t window : kWindows) {
    for (std::uint64_t blocks = 1; blocks < 20; ++blocks) {
      expect_whole({.window = window, .blocks = blocks, .weather = kFoul}, 20);
    }
  }
}

Test(tftp_window_channel, delivers_every_block_once_and_in_order_whatever_the_weather) {
  for (const std::uint16_t window : kWindows) {
    for (const double loss : {0.0, 0.02, 0.2, 0.5}) {
      for (const double twice : {0.0, 0.3}) {
        for (const double late : {0.0, 0.3}) {
          expect_whole({.window = window, .blocks = 500, .weather = {loss, twice, late}}, 5);
        }
      }
    }
  }
}

Test(tftp_window_channel, delivers_over_two_rollovers) {
  for (const std::uint16_t window : kWindows) {
    for (const std::uint16_t rollover : kRollovers) {
      expect_whole({window, rollover, 2 * 65536 + 100, kWet});
    }
  }
}

Test(tftp_window_channel, delivers_by_the_largest_window) {
  for (const std::uint16_t rollover : kRollovers) {
    const Weather weather{.loss = 0.0001, .twice = 0.01, .late = 0.0001, .latest = 1000};
    expect_whole({65535, rollover, 2 * 65536 + 100, weather});
  }
}

Test(tftp_window_channel, ends_on_any_number_around_the_rollover) {
  for (const std::uint16_t rollover : kRollovers) {
    for (std::uint64_t blocks = 65530; blocks < 65545; ++blocks) {
      expect_whole({8, rollover, blocks, {.loss = 0.01}});
    }
  }
}

Test(tftp_window_channel, does_not_send_all_twice_because_everything_comes_twice_in_lockstep) {
  Exchange exchange({.window = 1, .blocks = 5000, .weather = {.twice = 1}}, seed());
  cr_expect(exchange.runs());
  cr_expect_eq(exchange.sent(), 5000);
  cr_expect_eq(exchange.acknowledgements(), 2 * 5000);
}

Test(tftp_window_channel, answers_a_channel_that_doubles_all_by_little_more) {
  for (const std::uint16_t window : {std::uint16_t{2}, std::uint16_t{8}, std::uint16_t{64}}) {
    Exchange exchange({.window = window, .blocks = 5000, .weather = {.twice = 1}}, seed());
    cr_expect(exchange.runs());
    cr_expect_lt(exchange.sent(), 2 * 5000 + 3 * window, "window %u: %lu sent", window,
                 static_cast<unsigned long>(exchange.sent()));
  }
}

Test(tftp_window_channel, forgets_a_disturbance) {
  // The few that come late are overtaken, which looks like a loss; each costs windows, not more.
  for (const std::uint16_t window : {std::uint16_t{2}, std::uint16_t{8}, std::uint16_t{64}}) {
    const Weather weather{.twice = 0.0005, .late = 0.0005};
    Exchange exchange({.window = window, .blocks = 50'000, .weather = weather}, seed());
    cr_expect(exchange.runs());
    cr_expect_lt(exchange.sent(), 60'000U + 50U * 10U * window, "window %u: %lu sent", window,
                 static_cast<unsigned long>(exchange.sent()));
  }
}
