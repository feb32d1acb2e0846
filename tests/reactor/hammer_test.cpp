#include <criterion/criterion.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "reactor/listener.h"
#include "reactor/stream.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

/// Streams that do at random, from inside their calls, whatever the header allows. Both ends of
/// every connection live in the one reactor. At the end every count must balance. The seed is
/// printed; SLUICE_SEED in the environment sets it.
using namespace sluice;
using namespace std::chrono_literals;

namespace {

struct Counts {
  int opened = 0, destroyed = 0, closed_calls = 0, aborted = 0, retired_open = 0;
};

class Hammer;

/// One end of a connection.
class End final : public StreamHandler {
 public:
  End(Hammer& hammer, int id, Fd socket);
  ~End() override;
  void on_data(Stream& stream, std::span<const std::byte> bytes) noexcept override;
  void on_eof(Stream& stream) noexcept override;
  void on_backpressure(Stream& stream, bool on) noexcept override;
  void on_drained(Stream& stream) noexcept override;
  void on_closed(Stream& stream, Error error) noexcept override;

 private:
  friend class Hammer;
  Hammer* hammer_;
  int id_;
  bool pressed_ = false, ended_ = false, eof_ = false;
  Stream stream_;
};

class Hammer {
 public:
  Hammer(SelectorKind kind, unsigned seed) : random_(seed), reactor_({.selector = kind}) {
    tick_ = reactor_.timer([this] { open_more(); });
  }

  void run() {
    tick_.start(0ns);
    cr_assert(run_until(reactor_, [this] { return counts.opened >= kConnections * 2; }));
    draining_ = true;
    tick_.stop();
    for (auto& [id, end] : ends_) end->stream_.close();
    // Whoever still waits for a peer that was paused for ever is let go.
    cr_expect(run_until(reactor_, [this] {
      for (auto& [id, end] : ends_) end->stream_.resume_reading();
      return ends_.empty();
    }));
    cr_assert(reactor_.run_once(0ns));
  }

  Counts counts;
  std::size_t left() const { return ends_.size(); }
  std::size_t registered() { return reactor_.selector().size(); }
  bool timers_left() { return !reactor_.timers().empty(); }

 private:
  friend class End;
  static constexpr int kConnections = 400;
  static constexpr int kAtOnce = 40;

  unsigned pick(unsigned of) { return static_cast<unsigned>(random_() % of); }

  void open_more() {
    for (int i = 0; i < 4 && ends_.size() < kAtOnce * 2; ++i) {
      Pair pair = pick(2) == 0 ? unix_pair() : tcp_pair({.our_send_buffer = 4096});
      for (Fd* fd : {&pair.ours, &pair.theirs}) {
        ends_[next_] = std::make_unique<End>(*this, next_, std::move(*fd));
        ++next_;
        ++counts.opened;
      }
    }
    for (int i = 0; i < 5; ++i) act_on_any();
    tick_.start(1ms);
  }

  void act_on_any() {
    if (ends_.empty()) return;
    auto found = ends_.lower_bound(static_cast<int>(pick(static_cast<unsigned>(next_))));
    if (found == ends_.end()) found = ends_.begin();
    act(*found->second);
  }

  void act(End& end) {
    if (draining_) return;
    Stream& stream = end.stream_;
    switch (pick(16)) {
      case 0:
        stream.abort(pick(2) == 0);
        return retire(end, &counts.aborted);
      case 1:
        return retire(end, &counts.retired_open);
      case 2:
        return stream.close();
      case 3:
        return stream.shutdown_write();
      case 4:
        return stream.pause_reading();
      case 5:
      case 6:
        return stream.resume_reading();
      case 7:
        return stream.write(shared_);
      case 8:
        return act_on_any();  // somebody else, in the midst of this one's call
      default:
        return stream.write(std::string_view(text_).substr(0, 1 + pick(50'000)));
    }
  }

  void retire(End& end, int* count) {
    const auto found = ends_.find(end.id_);
    if (found == ends_.end()) return;
    ++*count;
    end.ended_ = true;
    reactor_.retire(std::move(found->second));
    ends_.erase(found);
  }

  std::mt19937 random_;
  std::string text_ = std::string(50'000, 't');
  SharedBytes shared_{as_bytes(std::string(30'000, 's'))};
  bool draining_ = false;
  int next_ = 0;
  Reactor reactor_;
  std::map<int, std::unique_ptr<End>> ends_;
  Timer tick_;
};

constexpr Stream::Options kOptions{
    .high_mark = 20'000, .low_mark = 5'000, .write_cap = 300'000, .stall_timeout = 1s};

End::End(Hammer& hammer, int id, Fd socket)
    : hammer_(&hammer), id_(id), stream_(hammer.reactor_, std::move(socket), *this, kOptions) {}

End::~End() {
  ++hammer_->counts.destroyed;
}

void End::on_data(Stream& stream, std::span<const std::byte> bytes) noexcept {
  cr_assert(!bytes.empty());
  cr_assert(!eof_ && stream.open());
  hammer_->act(*this);
}

void End::on_eof(Stream& stream) noexcept {
  cr_assert(!eof_ && stream.open());
  eof_ = true;
  hammer_->pick(2) == 0 ? StreamHandler::on_eof(stream) : hammer_->act(*this);
}

void End::on_backpressure(Stream& stream, bool on) noexcept {
  cr_assert(on != pressed_, "in pairs");
  cr_assert(stream.open());
  pressed_ = on;
  if (!on) hammer_->act(*this);
}

void End::on_drained(Stream& stream) noexcept {
  cr_assert(stream.drained() && stream.open());
  hammer_->act(*this);
}

void End::on_closed(Stream& stream, Error) noexcept {
  cr_assert(!stream.open());
  cr_assert(stream.fd() == -1);
  if (ended_) return;  // retired in this very turn; that it hears of its end is allowed
  hammer_->retire(*this, &hammer_->counts.closed_calls);
}

}  // namespace

TestEachSelector(hammer, balances_all_its_counts) {
  const char* wish = std::getenv("SLUICE_SEED");
  const unsigned seed =
      wish ? static_cast<unsigned>(std::strtoul(wish, nullptr, 10)) : std::random_device()();
  std::fprintf(stderr, "hammer: SLUICE_SEED=%u\n", seed);
  Hammer hammer(kind, seed);
  hammer.run();
  const Counts& counts = hammer.counts;
  cr_expect(counts.opened == counts.destroyed, "%d opened, %d destroyed", counts.opened,
            counts.destroyed);
  cr_expect(counts.opened == counts.closed_calls + counts.aborted + counts.retired_open,
            "every one ended once: %d, %d, %d", counts.closed_calls, counts.aborted,
            counts.retired_open);
  cr_expect(hammer.left() == 0);
  cr_expect(hammer.registered() == 2, "only the reactor's own wake-up and alarm are left");
  cr_expect(!hammer.timers_left());
}
