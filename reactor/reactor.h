#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

#include "reactor/alarm.h"
#include "reactor/busy_poll.h"
#include "reactor/callback.h"
#include "reactor/clock.h"
#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/io_handler.h"
#include "reactor/limits.h"
#include "reactor/reactor_stats.h"
#include "reactor/selector.h"
#include "reactor/signals.h"
#include "reactor/timer.h"
#include "reactor/watch.h"

namespace sluice {

class DatagramSlots;

/// The loop: one thread, one Selector, and whatever is registered with it.
///
/// One turn is, in this order:
///   1. tell the kernel the changes of interest that were noted since the last turn;
///   2. wait until something is ready, the next timer is due, or not at all if calls are posted;
///   3. take the time, which now() gives from here on;
///   4. dispatch what is ready: for each registration on_readable, then on_writable, each only if
///      the registration still stands; signals after all else;
///   5. run the timers that are due;
///   6. run the calls posted before this step; those posted meanwhile wait for the next turn;
///   7. destroy what was retired.
///
/// Callbacks must not throw; run() and run_once() must not be called from inside one. Everything
/// but post() belongs to the thread that made the Reactor. Not usable after fork() in the child.
/// Making one sets SIGPIPE to ignored if it stood at its default, since sendfile(2) and splice(2)
/// know no MSG_NOSIGNAL: a vanished peer is the error EPIPE, never the end of the process.
class Reactor {
 public:
  struct Options {
    SelectorKind selector = SelectorKind::epoll;
    std::unique_ptr<Selector> custom = nullptr;  ///< used instead of `selector` when given
    Clock* clock = nullptr;                      ///< must outlive the Reactor; null: the real one
  };

  Reactor() : Reactor(Options{}) {}
  /// When the system gives no descriptors, watch() and run() say so: constructors have no result.
  explicit Reactor(Options options);
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;
  /// All watches and timers must be gone.
  ~Reactor();

  /// Registers `fd` for `handler`; both stay the caller's and must outlive the Watch.
  /// Errors: see Selector::add.
  Result<Watch> watch(int fd, Interest interest, IoHandler& handler);

  /// Registers a closure, as one does with Python's selectors; it lives as long as the Watch.
  Result<Watch> on_readable(int fd, Callback callback);
  Result<Watch> on_writable(int fd, Callback callback);

  /// A timer that is not armed yet; one that fires once; one that fires every `period`.
  [[nodiscard]] Timer timer(Callback callback) { return Timer(timers_, std::move(callback)); }
  [[nodiscard]] Timer after(Duration delay, Callback callback);
  [[nodiscard]] Timer every(Duration period, Callback callback);

  /// For who has just sent what is answered in about `within`: where that is less than it takes to
  /// go to sleep and be woken, the next wait looks for it without. See BusyPoll.
  void expect_answer(Duration within) { busy_poll_.expect(within); }

  /// Calls `callback` in this turn's step 6, or the next turn's when called from there.
  /// The one call that other threads may make too: it wakes the loop.
  void post(Callback callback);

  /// Destroys `object` at the end of the turn: the way to die inside one's own callback.
  template <class T>
  void retire(std::unique_ptr<T> object) {
    if (object) {
      retired_.push_back({object.release(), [](void* held) { delete static_cast<T*>(held); }});
    }
  }

  /// Calls `callback` whenever the signal arrives, until the Reactor is destroyed.
  Result<void> on_signal(int number, Callback callback);

  /// Turns until stop(); then runs what is still posted and destroys what is retired.
  /// Fails only when the wait itself does.
  Result<void> run();
  /// One turn; waits `at_most` (negative: as long as it takes).
  Result<void> run_once(Duration at_most = Duration(-1));
  /// Ends run() with the current turn, or its next one when called from outside.
  void stop() { stopping_ = true; }

  /// The time of this turn; outside of turns, the time.
  TimePoint now() const { return timers_.now(); }
  TimerQueue& timers() { return timers_; }
  const ReactorStats& stats() const { return stats_; }
  ReactorStats& stats() { return stats_; }
  Selector& selector() { return *selector_; }

  /// One buffer that all streams read through, so that an idle connection owns none. Its contents
  /// last until the callback returns.
  std::span<std::byte> read_buffer() { return read_buffer_->bytes; }
  /// The same for datagrams, made at the first use; null when there is no memory for it.
  DatagramSlots* datagram_slots();

 private:
  friend class Watch;
  /// On a page of its own: the kernel copies up to twice as fast to where a page begins.
  struct alignas(4096) ReadBuffer {
    std::array<std::byte, limits::kReadBufferBytes> bytes;
  };
  struct Retired {
    void* object;
    void (*destroy)(void*);
  };

  Result<Watch> watch_closure(int fd, Interest interest, Callback callback);
  void unwatch(Token token);
  bool turn(Duration at_most);
  Duration wait_time(Duration at_most, std::size_t refused);
  void dispatch(std::span<const Ready> ready);
  std::size_t run_posts();
  std::size_t sweep();
  void take_posts_of_others();

  Clock own_clock_;
  TimerQueue timers_;
  std::unique_ptr<Selector> selector_;
  Error broken_;  // why there is no selector, or why waiting failed
  ReactorStats stats_;
  std::unique_ptr<ReadBuffer> read_buffer_;
  std::unique_ptr<DatagramSlots> datagram_slots_;
  std::vector<Callback> posts_;
  std::vector<Callback> running_posts_;
  std::vector<Retired> retired_;
  std::unordered_map<int, std::unique_ptr<IoHandler>> closures_;  // by descriptor
  bool stopping_ = false;
  bool in_turn_ = false;
  pid_t pid_;
  std::thread::id thread_;

  std::mutex mutex_;  // guards what other threads have posted
  std::vector<Callback> posts_of_others_;
  Fd wakeup_;  // eventfd
  Watch wakeup_watch_;
  std::optional<Alarm> alarm_;  // none for a clock of somebody's own
  BusyPoll busy_poll_{own_clock_};
  Signals signals_;
  Watch signals_watch_;
};

inline void Watch::set_interest(Interest interest) {
  (void)reactor_->selector().modify(token_.fd, interest);
}

inline void Watch::reset() {
  if (Reactor* reactor = std::exchange(reactor_, nullptr)) reactor->unwatch(token_);
}

}  // namespace sluice
