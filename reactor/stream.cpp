#include "reactor/stream.h"

#include <sys/socket.h>

#include <algorithm>

namespace sluice {

const Stream::Options Stream::kDefaults{};

void StreamHandler::on_eof(Stream& stream) noexcept {
  stream.close();
}

Stream::Stream(Reactor& reactor, Fd socket, StreamHandler& handler, const Options& options)
    : reactor_(&reactor),
      handler_(&handler),
      options_(&options),
      socket_(std::move(socket)),
      last_progress_(reactor.now()) {
  if (auto watch = reactor.watch(socket_.get(), Interest::read, *this)) {
    watch_ = std::move(*watch);
  } else {
    reading_ = Reading::ended;
    writing_ = Writing::failed;
    finish_soon(watch.error());
    return;
  }
  if (options.idle_timeout != Duration::zero()) extra().timer.start(time_left());
}

Stream::~Stream() = default;

// --- reading -------------------------------------------------------------------------------------

void Stream::on_readable() noexcept {
  const auto buffer = reactor_->read_buffer();
  const ssize_t size = recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (size <= 0) [[unlikely]] {
    if (size == 0 || (errno != EAGAIN && errno != EINTR)) read_ended(size == 0 ? 0 : errno);
    return;
  }
  last_progress_ = reactor_->now();
  if (reading_ != Reading::flowing) [[unlikely]]
    return discard(static_cast<std::size_t>(size));
  handler_->on_data(*this, buffer.first(static_cast<std::size_t>(size)));
}

void Stream::read_ended(int code) {
  // A send that failed earlier is the better story; what had come in before has been read by now.
  if (writing_ == Writing::failed) return finish(extra().error);
  if (code != 0) return finish({code, "recv"});
  reading_ = Reading::ended;
  update_interest();
  fin_came_first_ = stage_ == Stage::open;
  if (fin_came_first_) handler_->on_eof(*this);
  if (stage_ != Stage::closed && writing_ == Writing::finished) finish({});
}

void Stream::discard(std::size_t size) {
  if (writing_ != Writing::finished) return;
  extra().discarded += size;
  if (extra().discarded > limits::kLingerBytes) finish({});
}

void Stream::pause_reading() {
  if (reading_ != Reading::flowing) return;
  reading_ = Reading::paused;
  update_interest();
  // After a failed send only the end was still to be read, which nobody would hear of now.
  if (writing_ == Writing::failed) finish_soon(extra().error);
}

void Stream::resume_reading() {
  if (reading_ != Reading::paused) return;
  reading_ = Reading::flowing;
  update_interest();
}

// --- writing -------------------------------------------------------------------------------------

void Stream::write(std::span<const std::byte> bytes) {
  if (writing_ != Writing::open) return;
  if (queue_) return append(bytes);
  const ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(bytes.size())) [[unlikely]]
    return sent_short(bytes, sent);
  last_progress_ = reactor_->now();
}

void Stream::append(std::span<const std::byte> bytes) {
  queue_->append(bytes);
  after_growth();
}

/// Apart from write(), which stays short without it.
void Stream::sent_short(std::span<const std::byte> bytes, ssize_t sent) {
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    const Error error = Error::last("send");
    extra().lost = bytes.size();
    return fail_sending(error);
  }
  if (sent >= 0) last_progress_ = reactor_->now();
  queue();
  begin_waiting();
  append(bytes.subspan(static_cast<std::size_t>(std::max<ssize_t>(sent, 0))));
}

void Stream::write(SharedBytes bytes) {
  if (writing_ != Writing::open || bytes.size() == 0) return;
  const bool first = !queue_;
  queue().append(std::move(bytes));
  first ? start_queue_and_send() : after_growth();
}

void Stream::write(FileRange range) {
  if (writing_ != Writing::open || range.size == 0) return;
  const bool first = !queue_;
  queue().append(std::move(range));
  if (first) start_queue_and_send();
}

std::size_t Stream::offer(std::span<const iovec> pieces) {
  if (writing_ != Writing::open || queue_) return 0;
  std::size_t size = 0;
  for (const iovec& piece : pieces) size += piece.iov_len;
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  const ssize_t sent =
      pieces.size() == 1 ? send(socket_.get(), pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                         : sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(size)) [[likely]] {
    last_progress_ = reactor_->now();
    return size;
  }
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    fail_sending(Error::last("send"));
    return 0;
  }
  if (sent > 0) last_progress_ = reactor_->now();
  offers_ = true;
  update_interest();
  return static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
}

OutputQueue& Stream::queue() {
  if (!queue_) queue_ = std::make_unique<OutputQueue>();
  return *queue_;
}

/// The queue stays for a while: only now are the kernel and the stall timeout told of it.
void Stream::begin_waiting() {
  update_interest();
  const bool timed = stall_timeout() != Duration::zero();
  if (timed || extra_) extra().last_sent = reactor_->now();
  if (timed) extra().timer.start(time_left());
}

void Stream::start_queue_and_send() {
  const auto progress = queue_->send_to(socket_.get());
  if (progress.sent != 0) last_progress_ = reactor_->now();
  if (progress.error) return fail_sending(progress.error);
  if (queue_->empty()) {
    queue_.reset();
  } else {
    begin_waiting();
    after_growth();
  }
}

void Stream::after_growth() {
  if (queued() > options_->write_cap)
    return fail_sending({ENOBUFS, "write (the peer is too slow)"});
  if (queued() > options_->high_mark && !pressed_) {
    pressed_ = true;
    handler_->on_backpressure(*this, true);
  }
}

void Stream::on_writable() noexcept {
  const bool offers = std::exchange(offers_, false);
  if (!queue_) {
    update_interest();
    if (offers && stage_ == Stage::open && writing_ == Writing::open) handler_->on_drained(*this);
    return;
  }
  const auto progress = queue_->send_to(socket_.get());
  if (progress.sent != 0) {
    last_progress_ = reactor_->now();
    if (extra_) extra_->last_sent = last_progress_;
  }
  if (progress.error) return fail_sending(progress.error);
  if (!queue_->empty()) {
    if (!progress.blocked) ++reactor_->stats().budgets_exhausted;
  } else {
    queue_.reset();
    update_interest();
  }
  if (pressed_ && queued() <= options_->low_mark) {
    pressed_ = false;
    if (stage_ == Stage::open) handler_->on_backpressure(*this, false);
  }
  if (queue_ || stage_ == Stage::closed) return;
  if (writing_ == Writing::finishing) {
    end_writing();
  } else if (stage_ == Stage::open && writing_ == Writing::open) {
    handler_->on_drained(*this);
  }
}

void Stream::fail_sending(Error error) {
  writing_ = Writing::failed;
  offers_ = false;
  drop_queue();
  extra().error = error;
  const bool peer_gone = error.code == EPIPE || error.code == ECONNRESET;
  if (!peer_gone || reading_ != Reading::flowing) return finish_soon(error);
  // What the peer sent before it went is still delivered; the end of it brings read_ended().
  update_interest();
}

void Stream::drop_queue() {
  if (!queue_) return;
  extra().lost = queue_->size_left();
  queue_.reset();
}

std::uint64_t Stream::unsent() const {
  if (queue_) return queue_->size_left();
  return extra_ ? extra_->lost : 0;
}

void Stream::shutdown_write() {
  if (writing_ != Writing::open) return;
  writing_ = Writing::finishing;
  offers_ = false;
  if (!queue_) end_writing();
}

void Stream::end_writing() {
  writing_ = Writing::finished;
  if (reading_ == Reading::ended) return finish_soon({});
  shutdown(socket_.get(), SHUT_WR);
  if (stage_ != Stage::closing) return;
  extra().linger_began = last_progress_ = reactor_->now();
  extra().timer.start(linger_left());
}

// --- the end -------------------------------------------------------------------------------------

void Stream::close() {
  if (stage_ != Stage::open) return;
  stage_ = Stage::closing;
  if (reading_ != Reading::ended) reading_ = Reading::discarding;
  update_interest();
  if (queue_) extra().timer.start(time_left());
  switch (writing_) {
    case Writing::open:
      return shutdown_write();
    case Writing::finishing:
      return;
    case Writing::finished:
      return end_writing();
    case Writing::failed:
      return finish_soon(extra().error);
  }
}

void Stream::abort(bool reset) {
  if (stage_ == Stage::closed) return;
  stage_ = Stage::closed;
  writing_ = Writing::failed;
  reading_ = Reading::ended;
  watch_.reset();
  drop_queue();
  if (extra_) extra_->timer.stop();
  if (reset) {
    const linger now{1, 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  socket_.reset();
}

void Stream::finish_soon(Error error) {
  extra().error = error;
  extra().finishing = true;
  extra().timer.start(Duration::zero());
}

void Stream::finish(Error error) {
  // A failure of ours must not look to the peer like a complete answer: only errors end by a reset.
  abort(static_cast<bool>(error));
  handler_->on_closed(*this, error);
}

void Stream::update_interest() {
  if (!watch_) return;
  const bool reads = reading_ == Reading::flowing || reading_ == Reading::discarding;
  watch_.set_interest((reads ? Interest::read : Interest::none) |
                      (queue_ || offers_ ? Interest::write : Interest::none));
}

// --- time ----------------------------------------------------------------------------------------

Stream::Extra& Stream::extra() {
  if (!extra_) {
    extra_ = std::make_unique<Extra>();
    extra_->timer = reactor_->timer([this] { on_timer(); });
    extra_->last_sent = reactor_->now();
  }
  return *extra_;
}

void Stream::on_timer() {
  if (extra_->finishing) return finish(extra_->error);
  const bool lingers = stage_ == Stage::closing && writing_ == Writing::finished;
  const Duration left = lingers ? linger_left() : time_left();
  if (left == Duration::max()) return;  // nothing is waited for any more
  if (left > Duration::zero()) return extra_->timer.start(left);
  finish(lingers ? Error{} : Error{ETIMEDOUT, queue_ ? "send" : "idle"});
}

/// Until the first of the timeouts, which cost nothing while bytes flow: the timer finds out late
/// that there was progress, and is set anew. Zero or less: one has struck.
Duration Stream::time_left() {
  const TimePoint now = reactor_->now();
  Duration left = Duration::max();
  if (options_->idle_timeout != Duration::zero()) {
    // A connection that we ourselves have told to wait is not idle.
    if (reading_ == Reading::paused && !queue_) last_progress_ = now;
    left = last_progress_ + options_->idle_timeout - now;
  }
  if (queue_ && stall_timeout() != Duration::zero()) {
    left = std::min(left, extra_->last_sent + stall_timeout() - now);
  }
  return left;
}

Duration Stream::stall_timeout() const {
  if (options_->stall_timeout != Duration::zero()) return options_->stall_timeout;
  return stage_ == Stage::closing ? options_->closing_stall : Duration::zero();
}

Duration Stream::linger_left() {
  const TimePoint now = reactor_->now();
  return std::min<Duration>(last_progress_ + limits::kLingerIdle - now,
                            extra_->linger_began + limits::kLingerTotal - now);
}

}  // namespace sluice
