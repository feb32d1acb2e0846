#include "reactor/reactor.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <csignal>

#include "reactor/check.h"
#include "reactor/datagram_slots.h"
#include "reactor/limits.h"

namespace sluice {
namespace {

/// What stands behind a registered closure. The Watch's end retires it, so that the closure is
/// never destroyed while it runs.
class ClosureHandler final : public IoHandler {
 public:
  explicit ClosureHandler(Callback callback) : callback_(std::move(callback)) {}
  void on_readable() noexcept override { callback_(); }
  void on_writable() noexcept override { callback_(); }

 private:
  Callback callback_;
};

void ignore_sigpipe_if_default() {
  struct sigaction action{};
  if (sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) {
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, nullptr);
  }
}

}  // namespace

Reactor::Reactor(Options options)
    : timers_(options.clock ? *options.clock : own_clock_),
      read_buffer_(std::make_unique_for_overwrite<ReadBuffer>()),
      pid_(getpid()),
      thread_(std::this_thread::get_id()) {
  ignore_sigpipe_if_default();
  if (options.custom) {
    selector_ = std::move(options.custom);
  } else if (auto made = Selector::make(options.selector)) {
    selector_ = std::move(*made);
  } else {
    broken_ = made.error();
    return;
  }
  wakeup_.reset(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wakeup_) {
    broken_ = Error::last("eventfd");
    return;
  }
  auto watch = on_readable(wakeup_.get(), [this] { take_posts_of_others(); });
  if (watch) {
    wakeup_watch_ = std::move(*watch);
    if (!options.clock) alarm_.emplace(*this);
  } else {
    broken_ = watch.error();
  }
}

Reactor::~Reactor() {
  SLUICE_CHECK(!in_turn_);
  for (int round = 0; round < limits::kFinalRounds && sweep() != 0; ++round) {
  }
  wakeup_watch_.reset();
  alarm_.reset();
  signals_watch_.reset();
  posts_.clear();
  posts_of_others_.clear();
  sweep();
  SLUICE_CHECK(!selector_ || selector_->size() == 0);  // a Watch must not outlive its Reactor
}

Result<Watch> Reactor::watch(int fd, Interest interest, IoHandler& handler) {
  if (broken_) return std::unexpected(broken_);
  auto token = selector_->add(fd, interest, &handler);
  if (!token) return std::unexpected(token.error());
  return Watch(*this, *token);
}

Result<Watch> Reactor::watch_closure(int fd, Interest interest, Callback callback) {
  auto handler = std::make_unique<ClosureHandler>(std::move(callback));
  auto made = watch(fd, interest, *handler);
  if (made) closures_.emplace(fd, std::move(handler));
  return made;
}

Result<Watch> Reactor::on_readable(int fd, Callback callback) {
  return watch_closure(fd, Interest::read, std::move(callback));
}

Result<Watch> Reactor::on_writable(int fd, Callback callback) {
  return watch_closure(fd, Interest::write, std::move(callback));
}

void Reactor::unwatch(Token token) {
  (void)selector_->remove(token.fd);
  if (closures_.empty()) return;
  if (const auto found = closures_.find(token.fd); found != closures_.end()) {
    retire(std::move(found->second));
    closures_.erase(found);
  }
}

Timer Reactor::after(Duration delay, Callback callback) {
  Timer made(timers_, std::move(callback));
  made.start(delay);
  return made;
}

Timer Reactor::every(Duration period, Callback callback) {
  Timer made(timers_, std::move(callback));
  made.start_every(period);
  return made;
}

DatagramSlots* Reactor::datagram_slots() {
  if (!datagram_slots_) datagram_slots_ = DatagramSlots::make();
  return datagram_slots_.get();
}

void Reactor::post(Callback callback) {
  if (std::this_thread::get_id() == thread_) {
    posts_.push_back(std::move(callback));
    return;
  }
  const std::lock_guard lock(mutex_);
  posts_of_others_.push_back(std::move(callback));
  const std::uint64_t one = 1;
  // Can fail only when the counter is full, and then the loop is awake already.
  [[maybe_unused]] const ssize_t written = write(wakeup_.get(), &one, sizeof one);
}

void Reactor::take_posts_of_others() {
  const std::lock_guard lock(mutex_);
  std::uint64_t count;
  [[maybe_unused]] const ssize_t got = read(wakeup_.get(), &count, sizeof count);
  std::move(posts_of_others_.begin(), posts_of_others_.end(), std::back_inserter(posts_));
  posts_of_others_.clear();
}

Result<void> Reactor::on_signal(int number, Callback callback) {
  if (auto handled = signals_.handle(number, std::move(callback)); !handled) return handled;
  if (signals_watch_) return {};
  auto made = watch(signals_.fd(), Interest::read, signals_);
  if (!made) return std::unexpected(made.error());
  signals_watch_ = std::move(*made);
  return {};
}

Result<void> Reactor::run() {
  bool turned = true;
  SLUICE_CHECK(pid_ == getpid());
  timers_.hold_time();
  while (!stopping_ && turned) turned = turn(Duration(-1));
  for (int round = 0; round < limits::kFinalRounds; ++round) {
    take_posts_of_others();
    if (run_posts() + sweep() == 0) break;
  }
  stopping_ = false;
  timers_.release_time();
  return turned ? Result<void>{} : std::unexpected(broken_);
}

Result<void> Reactor::run_once(Duration at_most) {
  timers_.hold_time();
  const bool turned = turn(at_most);
  timers_.release_time();
  return turned ? Result<void>{} : std::unexpected(broken_);
}

Duration Reactor::wait_time(Duration at_most, std::size_t refused) {
  if (!posts_.empty() || !retired_.empty() || stopping_) return Duration::zero();
  Duration wait = at_most;
  const auto shorten = [&wait](Duration limit) {
    if (wait < Duration::zero() || limit < wait) wait = std::max(limit, Duration::zero());
  };
  if (!timers_.empty()) {
    const TimePoint next = timers_.next_deadline();
    if (!alarm_ || !alarm_->covers(next)) shorten(next - timers_.now());
  }
  if (refused != 0) shorten(limits::kInterestRetry);
  return wait;
}

bool Reactor::turn(Duration at_most) {
  SLUICE_CHECK(!in_turn_);
  if (broken_) return false;
  const std::size_t refused = selector_->flush();
  stats_.interest_refused += refused;
  const auto ready = busy_poll_.select(*selector_, wait_time(at_most, refused));
  if (!ready) {
    broken_ = ready.error();
    return false;
  }
  ++stats_.turns;
  timers_.hold_time();
  const TimePoint began = timers_.now();
  in_turn_ = true;
  if (!ready->empty()) {
    dispatch(*ready);
    timers_.hold_time();
  }
  std::size_t called = timers_.any_due() ? timers_.run_due() : 0;
  stats_.timers_fired += called;
  if (!posts_.empty()) called += run_posts();
  if (!retired_.empty()) called += sweep();
  in_turn_ = false;
  if (called != 0) timers_.hold_time();
  const Duration busy = timers_.now() - began;
  stats_.busy += busy;
  stats_.slowest_turn = std::max(stats_.slowest_turn, busy);
  return true;
}

void Reactor::dispatch(std::span<const Ready> ready) {
  stats_.events += ready.size();
  for (const Ready& event : ready) {
    const Selector::Key* key = selector_->find(event.token);
    if (!key) {
      ++stats_.stale_events;
      continue;
    }
    if (any(event.interest & key->interest & Interest::read)) {
      static_cast<IoHandler*>(key->data)->on_readable();
      if (!any(event.interest & Interest::write)) continue;
      key = selector_->find(event.token);
      if (!key) continue;
    }
    if (any(event.interest & key->interest & Interest::write)) {
      static_cast<IoHandler*>(key->data)->on_writable();
    }
  }
  signals_.deliver();
}

std::size_t Reactor::run_posts() {
  running_posts_.swap(posts_);
  const std::size_t count = running_posts_.size();
  for (Callback& callback : running_posts_) callback();
  running_posts_.clear();
  stats_.posts_run += count;
  return count;
}

std::size_t Reactor::sweep() {
  std::size_t swept = 0;
  for (; swept < retired_.size(); ++swept) {  // a destructor may retire more
    const Retired dead = retired_[swept];
    dead.destroy(dead.object);
  }
  retired_.clear();
  stats_.retired += swept;
  return swept;
}

Interest Watch::interest() const {
  const auto key = reactor_->selector().get_key(token_.fd);
  return key ? key->interest : Interest::none;
}

}  // namespace sluice
