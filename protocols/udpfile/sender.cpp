#include "protocols/udpfile/sender.h"

#include <unistd.h>

#include <algorithm>

#include "reactor/printable.h"
#include "reactor/text.h"

namespace sluice::udpfile {
namespace {

constexpr std::size_t kBufferBytes = 128 * 1024;

/// Batches a turn, so that a sender without a rate does not hold the loop.
constexpr int kBatchesPerTurn = 4;

Address any_like(const Address& peer) {
  return peer.family() == AF_INET6 ? *Address::parse("[::]:0") : Address::any_v4(0);
}

}  // namespace

Sender::Sender(Reactor& reactor, Fd file, Options options)
    : reactor_(&reactor),
      file_(std::move(file)),
      options_(std::move(options)),
      socket_(reactor, *this),
      timer_(reactor.timer([this] { on_timer(); })) {}

Result<void> Sender::start(Callback ended) {
  if (auto opened = socket_.open(any_like(options_.peer)); !opened) return opened;
  if (auto connected = socket_.connect(options_.peer); !connected) {
    socket_.close();
    return connected;
  }
  ended_ = std::move(ended);
  if (options_.rate > 0) {
    options_.datagram =
        std::min<std::size_t>(options_.datagram, std::max<std::uint64_t>(options_.rate / 4, 16));
  }
  buffer_.resize(std::max(kBufferBytes / options_.datagram, std::size_t{1}) * options_.datagram);
  pieces_.reserve(buffer_.size() / options_.datagram + 1);
  state_ = State::naming;
  send_name();
  return {};
}

void Sender::on_timer() {
  switch (state_) {
    case State::naming:
      return names_sent_ < options_.tries ? send_name() : fail_with(Failure::unanswered);
    case State::sending:
      return send_contents();
    case State::ending:
      return send_end();
    default:
      return;
  }
}

void Sender::send_name() {
  const auto sent = socket_.send(as_bytes(options_.name));
  if (!sent && sent.error().code != EAGAIN) return fail_with(Failure::unreachable, sent.error());
  ++names_sent_;
  timer_.start(options_.patience);
}

void Sender::on_datagrams(Datagram&, std::span<const Received> batch) noexcept {
  for (const Received& received : batch) {
    if (state_ != State::naming) return;  // a late OK to a name that was repeated
    std::string_view said = as_text(received.bytes);
    while (said.ends_with('\n') || said.ends_with('\r')) said.remove_suffix(1);
    if (said != kReady) {
      other_answer_ = printable(said.substr(0, 200));
      continue;
    }
    state_ = State::sending;
    timer_.stop();
    if (options_.rate > 0) {
      pacer_.emplace(options_.rate, kBurst, 2 * options_.datagram, reactor_->now());
    }
    send_contents();
  }
}

void Sender::send_contents() {
  for (int batch = 0; batch < kBatchesPerTurn; ++batch) {
    if (next_ == pieces_.size() && !refill()) return;
    const std::size_t count = affordable();
    if (count == 0) return;
    const std::size_t sent = socket_.send(std::span(pieces_).subspan(next_, count));
    if (socket_.failed_sends() > 0) return fail_with(Failure::unreachable, {EIO, "send"});
    for (std::size_t i = 0; i < sent; ++i) bytes_ += pieces_[next_++].bytes.size();
    datagrams_ += sent;
    if (sent < count) return;  // on_writable goes on
  }
  timer_.start(Duration::zero());
}

void Sender::on_writable(Datagram&) noexcept {
  if (state_ == State::sending) send_contents();
}

/// How many of the pieces may go now. None: the timer is set for when it is worth while.
std::size_t Sender::affordable() {
  const auto waiting = std::span(pieces_).subspan(next_);
  const std::size_t most = std::min(waiting.size(), limits::kDatagramBatch);
  if (!pacer_) return most;
  const TimePoint now = reactor_->now();
  std::size_t count = 0;
  while (count < most && pacer_->take(waiting[count].bytes.size(), now)) ++count;
  if (count == 0) {
    timer_.start(std::max(pacer_->wait(waiting[0].bytes.size(), now), pacer_->depth() / 2));
  }
  return count;
}

/// Reads on and cuts what came into pieces. False when there is no more, or it has failed.
bool Sender::refill() {
  std::size_t filled = 0;
  while (filled < buffer_.size()) {
    const ssize_t size = ::read(file_.get(), buffer_.data() + filled, buffer_.size() - filled);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) {
      fail_with(Failure::unreadable, Error::last("read"));
      return false;
    }
    if (size == 0) break;
    filled += static_cast<std::size_t>(size);
  }
  const std::span<const std::byte> contents = std::span(buffer_).first(filled);
  hash_.update(contents);
  pieces_.clear();
  next_ = 0;
  for (std::size_t at = 0; at < filled; at += options_.datagram) {
    add_piece(contents.subspan(at, std::min(options_.datagram, filled - at)));
  }
  if (filled > 0) return true;
  digest_ = hash_.finish();
  state_ = State::ending;
  timer_.start(kEndPause);
  return false;
}

/// Contents that read like the name would be taken for the name: such a piece goes in two.
void Sender::add_piece(std::span<const std::byte> piece) {
  if (piece.size() > 1 && as_text(piece) == options_.name) {
    pieces_.push_back({piece.first(1)});
    piece = piece.subspan(1);
  }
  pieces_.push_back({piece});
}

void Sender::send_end() {
  (void)socket_.send(std::span<const std::byte>());
  if (++ends_sent_ == kEnds) return end(State::done);
  timer_.start(kEndPause);
}

void Sender::on_error(Datagram&, const Address&, Error error) noexcept {
  const bool refused = error.code == ECONNREFUSED;
  switch (state_) {
    case State::naming:
      return fail_with(refused ? Failure::refused : Failure::unreachable, error);
    case State::sending:
      return fail_with(refused ? Failure::gone : Failure::unreachable, error);
    case State::ending:
      // A receiver that has seen the first end is gone rightly before the second.
      if (ends_sent_ <= 1) fail_with(Failure::gone, error);
      return;
    default:
      return;
  }
}

void Sender::fail_with(Failure failure, Error error) {
  failure_ = failure;
  error_ = error;
  end(State::failed);
}

void Sender::end(State state) {
  state_ = state;
  timer_.stop();
  socket_.close();
  if (ended_) reactor_->post(std::exchange(ended_, {}));
}

}  // namespace sluice::udpfile
