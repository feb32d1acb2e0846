#pragma once

#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "reactor/selector.h"
#include "tests/support/fake_clock.h"

/// A Selector without a kernel: every registration succeeds (or is refused with `refuse`), and each
/// wait gives what the script says. With the script at its end a wait turns the clock by its
/// timeout, as if it had slept.
class ScriptedSelector final : public sluice::Selector {
 public:
  explicit ScriptedSelector(FakeClock* clock = nullptr) : clock_(clock) {}
  std::string_view name() const override { return "scripted"; }

  struct Event {
    int fd;
    sluice::Interest interest;
  };

  /// The next wait gives these, for whoever owns the descriptors then.
  void then(std::vector<Event> events) { script_.push_back({std::move(events), 0}); }
  /// The next wait fails.
  void then_fail(int code) { script_.push_back({{}, code}); }

  std::vector<sluice::Duration> waits;  ///< the timeouts that were asked for
  int refuse = 0;                       ///< not 0: update() fails with it
  std::function<void()> while_waiting;  ///< called inside every wait

 protected:
  sluice::Result<void> update(sluice::Token token, sluice::Interest, sluice::Interest) override {
    ++kernel_calls_;
    if (refuse != 0) return sluice::fail("scripted", refuse);
    tokens_[token.fd] = token;
    return {};
  }

  int wait(int milliseconds) override {
    waits.push_back(std::chrono::milliseconds(milliseconds));
    if (while_waiting) while_waiting();
    collected_.clear();
    ready_ = collected_.data();
    if (script_.empty()) {
      if (clock_ && milliseconds > 0) clock_->advance(std::chrono::milliseconds(milliseconds));
      return 0;
    }
    const Step step = std::move(script_.front());
    script_.pop_front();
    if (step.code != 0) return -step.code;
    for (const Event& event : step.events) {
      collected_.push_back({tokens_.at(event.fd), event.interest});
    }
    ready_ = collected_.data();
    return static_cast<int>(collected_.size());
  }

 private:
  struct Step {
    std::vector<Event> events;
    int code;
  };

  FakeClock* clock_;
  std::deque<Step> script_;
  std::map<int, sluice::Token> tokens_;
  std::vector<sluice::Ready> collected_;
};
