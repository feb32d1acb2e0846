#include <algorithm>

#include "protocols/tftp/failure.h"
#include "protocols/tftp/transfer.h"

/// The clock of a transfer and its end.
namespace sluice::tftp {

void Transfer::send_opening() {
  const auto sent = socket_.send(opening_, options_.peer);
  if (!sent && sent.error().code != EAGAIN) trouble_ = sent.error();
  timed_ = true;
  sent_at_ = reactor_->now();
  await_answer();
}

void Transfer::send_error(ErrorCode code, std::string_view text) {
  if (awaits_id_ || !socket_.is_open()) return;
  put_error(packet_, code, text);
  (void)socket_.send(packet_, options_.peer);
}

void Transfer::abort(ErrorCode code, std::string_view text) {
  if (has_ended()) return;
  send_error(code, text);
  end(Ended::Kind::aborted);
}

void Transfer::fail_locally(Error error) {
  send_error(code_for(error), text_for(error));
  ended_.error = error;
  end(Ended::Kind::local);
}

void Transfer::nonsense(std::string_view text) {
  if (has_ended()) return;
  send_error(ErrorCode::illegal, text);
  ended_.text = text;
  end(Ended::Kind::nonsense);
}

void Transfer::end(Ended::Kind kind) {
  ended_.bytes = bytes();
  ended_.kind = kind;
  state_ = kind == Ended::Kind::whole && sink_ ? State::dallying : State::over;
  if (state_ == State::over) socket_.close();
  sending_.reset();
  gathered_ = {};
  due_ = reactor_->now() + kDally;
  arm(reactor_->now());
}

/// What was answered was first sent `at_most` ago.
void Transfer::progress(Duration at_most) {
  const TimePoint now = reactor_->now();
  timed_ ? round_trip_.measured(now - sent_at_) : round_trip_.progressed(now - sent_at_, at_most);
  timed_ = false;
  answered_ = true;
  progress_at_ = now;
}

void Transfer::await_answer() {
  // It is the sender whose business it is to send again; a receiver helps where that is slow. With
  // windows it leaves the sender some tries, which takes an acknowledgement of any block for a loss
  // behind that, and its time for that of a round trip.
  const int patience = !receiving_ ? 1 : terms_.window == 1 ? 2 : 8;
  const Duration wait = round_trip_.timeout() * patience;
  due_ = std::min(reactor_->now() + wait, progress_at_ + options_.patience);
  arm(due_);
  if (const Duration usual = round_trip_.smoothed(); usual != Duration::zero()) {
    reactor_->expect_answer(usual);
  }
}

/// A timer that is due earlier finds out by itself that it is too early: that costs less than to
/// start it anew for each packet.
void Transfer::arm(TimePoint when) {
  if (armed_for_ <= when) return;
  armed_for_ = when;
  timer_.start(when - reactor_->now());
}

void Transfer::on_timer() {
  armed_for_ = TimePoint::max();
  const TimePoint now = reactor_->now();
  if (has_ended() && !told_) {
    told_ = true;
    if (state_ == State::dallying) arm(due_);
    return on_end_(*this);
  }
  if (state_ == State::over) return;
  if (peer_gone_ && !has_ended()) {
    // In the next turn the socket is read once more before this is called again.
    if (std::exchange(waited_a_turn_, true)) return peer_has_gone();
    return arm(now);
  }
  if (std::exchange(more_, false) && sending_) {
    pump();
    if (has_ended()) return;
  }
  if (now < due_) return arm(due_);
  if (state_ == State::dallying) {
    state_ = State::over;
    socket_.close();
    return on_end_(*this);
  }
  on_silence();
}

void Transfer::peer_has_gone() {
  if (sending_ && sending_->buffer.last() != 0 && sending_->highest == sending_->buffer.last()) {
    ended_.text = "all was sent, but for the last acknowledgement";
  }
  ended_.error = trouble_;
  end(Ended::Kind::unreachable);
}

void Transfer::on_silence() {
  if (reactor_->now() - progress_at_ >= options_.patience) {
    ended_.error = trouble_;
    return end(trouble_ ? Ended::Kind::unreachable : Ended::Kind::silent);
  }
  round_trip_.lost();
  timed_ = false;
  if (state_ == State::opening) {
    ++ended_.resent;
    send_opening();
    timed_ = false;
  } else if (sending_) {
    sending_->old = sending_->highest;
    sending_->since = reactor_->now();
    // Blocks that wait for room in the socket are not lost.
    sending_->next < sending_->until ? pump() : send_blocks(sending_->window.on_timeout());
    if (!has_ended()) await_answer();
  } else {
    receiving_->on_timeout();
    ++ended_.resent;
    send_ack();
    timed_ = false;
    await_answer();
  }
}

}  // namespace sluice::tftp
