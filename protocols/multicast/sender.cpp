#include "protocols/multicast/sender.h"

#include <sys/random.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <utility>

#include "reactor/multicast.h"
#include "reactor/text.h"

namespace sluice::multicast {
namespace {

std::uint64_t wall_clock() {
  timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

Sender::Sender(Reactor& reactor, Options options)
    : reactor_(&reactor),
      options_(std::move(options)),
      socket_(reactor, *this),
      timer_(reactor.timer([this] { send_due(); })) {
  stream_ = static_cast<std::uint32_t>(wall_clock() >> 10);
  (void)getrandom(&stream_, sizeof stream_, GRND_NONBLOCK);
}

Started Sender::open() {
  const int family = options_.group.group.family();
  unsigned index = 0;
  if (!options_.group.interface.empty()) {
    const auto found = find_interface(options_.group.interface);
    if (!found) {
      return std::unexpected(concat("there is no network interface ", options_.group.interface));
    }
    options_.group.interface = found->name;
    index = found->index;
  }
  const Address any = family == AF_INET6 ? *Address::parse("[::]:0") : Address::any_v4(0);
  auto opened = socket_.open(any);
  if (opened) opened = set_multicast_hops(socket_.fd(), family, options_.hops);
  if (opened) opened = set_multicast_loop(socket_.fd(), family, options_.loop);
  if (opened && index != 0) opened = set_multicast_interface(socket_.fd(), family, index);
  if (!opened) return std::unexpected(opened.error().message());
  // Nothing is read here, and what a stranger sends must not wake the loop again and again.
  socket_.pause_reading();
  return {};
}

/// By its name, as it may have come back with another number.
void Sender::set_interface() {
  if (options_.group.interface.empty()) return;
  if (const auto found = find_interface(options_.group.interface)) {
    (void)set_multicast_interface(socket_.fd(), options_.group.group.family(), found->index);
  }
}

// --- a datagram ----------------------------------------------------------------------------------

std::size_t Sender::size_of(std::string_view text) const {
  return std::max(options_.size, text.size() + (options_.numbered ? kHeaderBytes : 0));
}

void Sender::write_datagram(std::span<std::byte> out, std::string_view text) {
  if (options_.numbered) {
    put_header(out.first<kHeaderBytes>(), {stream_, sequence_, wall_clock()});
    ++sequence_;
    out = out.subspan(kHeaderBytes);
  }
  const auto rest = std::ranges::copy(as_bytes(text), out.begin()).out;
  std::fill(rest, out.end(), std::byte{'.'});
}

Result<void> Sender::send(std::string_view text) {
  memory_.resize(size_of(text));
  const std::uint32_t sequence = sequence_;
  write_datagram(memory_, text);
  auto done = socket_.send(memory_, options_.group.group);
  if (!done && done.error().code != EAGAIN) {
    set_interface();
    done = socket_.send(memory_, options_.group.group);
  }
  if (done) {
    ++sent_;
  } else {
    sequence_ = sequence;
    error_ = done.error();
  }
  return done;
}

// --- many of them --------------------------------------------------------------------------------

void Sender::run(std::string text, std::uint64_t count, double rate, Callback on_done) {
  text_ = std::move(text);
  left_ = count;
  endless_ = count == 0;
  rate_ = rate;
  on_done_ = std::move(on_done);
  start_ = reactor_->now();
  since_start_ = 0;
  timer_.start(Duration::zero());
}

void Sender::stop() {
  timer_.stop();
  left_ = 0;
  endless_ = false;
}

/// How many should have gone by now and have not.
std::uint64_t Sender::due() const {
  const std::uint64_t bound = endless_ ? UINT64_MAX : left_;
  if (rate_ == 0) return std::min<std::uint64_t>(bound, sluice::limits::kDatagramBatch);
  const double seconds = std::chrono::duration<double>(reactor_->now() - start_).count();
  const double wanted = std::floor(seconds * rate_) + 1 - static_cast<double>(since_start_);
  return wanted <= 0 ? 0 : std::min(bound, static_cast<std::uint64_t>(wanted));
}

void Sender::send_due() {
  std::uint64_t count = due();
  const double most = rate_ * std::chrono::duration<double>(limits::kCatchUp).count() + 1;
  if (rate_ != 0 && static_cast<double>(count) > most) {
    // What a stall has missed is not made up for: the grid begins anew.
    start_ = reactor_->now();
    since_start_ = 0;
    count = 1;
  }
  while (count > 0) {
    const std::size_t some = std::min<std::uint64_t>(count, sluice::limits::kDatagramBatch);
    const std::size_t went = send_some(some);
    count -= went;
    since_start_ += went;
    if (!endless_) left_ -= went;
    if (went < some) return;  // on_writable goes on
  }
  if (!endless_ && left_ == 0) {
    if (auto done = std::exchange(on_done_, {})) done();
    return;
  }
  if (rate_ == 0) return timer_.start(Duration::zero());
  const std::chrono::duration<double> next(static_cast<double>(since_start_) / rate_);
  timer_.start(start_ + std::chrono::ceil<Duration>(next) - reactor_->now());
}

/// So many of the same; returns how many are done with.
std::size_t Sender::send_some(std::size_t count) {
  if (count == 1) {
    auto done = send(text_);
    if (!done && done.error().code == EAGAIN) return 0;
    if (!done) ++sent_;
    if (!done) ++failed_;
    return 1;
  }
  const std::size_t size = size_of(text_);
  memory_.resize(size * count);
  batch_.resize(count);
  const std::uint32_t sequence = sequence_;
  for (std::size_t i = 0; i < count; ++i) {
    const std::span<std::byte> out = std::span(memory_).subspan(i * size, size);
    write_datagram(out, text_);
    batch_[i] = {.bytes = out, .to = &options_.group.group};
  }
  const std::uint64_t failed = socket_.failed_sends();
  const std::size_t went = socket_.send(batch_);
  sent_ += went;
  if (options_.numbered) sequence_ = sequence + static_cast<std::uint32_t>(went);
  if (socket_.failed_sends() != failed) set_interface();
  return went;
}

void Sender::on_writable(Datagram&) noexcept {
  if (endless_ || left_ != 0) send_due();
}

}  // namespace sluice::multicast
