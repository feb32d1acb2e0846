#include "protocols/tftp/transfer.h"

/// The sender's half of a transfer.
namespace sluice::tftp {
namespace {

/// Pieces read from the source in one go, so that a slow disk keeps the others waiting for a
/// bounded time only.
constexpr int kPiecesPerTurn = 4;

}  // namespace

void Transfer::begin_sending() {
  state_ = State::running;
  opening_ = {};
  sending_.emplace(BlockBuffer(*source_, terms_), SendWindow(terms_.window, terms_.rollover));
  sending_->since = reactor_->now();
  send_blocks(sending_->window.begin());
}

void Transfer::take_ack(std::uint16_t block) {
  if (state_ == State::opening) {
    if (block != 0) return;
    if (options_.accept && !agree({})) return;
    progress();
    return begin_sending();
  }
  if (!sending_) return;
  SendWindow& window = sending_->window;
  const std::uint64_t acked = window.acked();
  const SendWindow::Blocks blocks = window.on_ack(block);
  if (window.acked() != acked) {
    timed_ = window.measures();
    progress(age_of(window.acked()));
    sending_->buffer.release(window.acked());
    if (window.done()) return end(Ended::Kind::whole);
  }
  send_blocks(blocks);
}

/// How long ago `block` was first sent, at most.
Duration Transfer::age_of(std::uint64_t block) {
  if (block <= sending_->old) return Duration::max();
  const TimePoint now = reactor_->now();
  sending_->old = sending_->highest;
  return now - std::exchange(sending_->since, now);
}

void Transfer::send_blocks(SendWindow::Blocks blocks) {
  if (blocks.count == 0) return;
  sending_->next = blocks.first;
  sending_->until = blocks.first + blocks.count;
  sent_at_ = reactor_->now();
  await_answer();
  pump();
}

/// Sends what is to be sent as far as it goes, then reads ahead.
void Transfer::pump() {
  Sending& sending = *sending_;
  const BlockBuffer& buffer = sending.buffer;
  for (int pieces = 0;;) {
    if (buffer.last() != 0) sending.until = std::min(sending.until, buffer.last() + 1);
    const bool to_send = sending.next < sending.until;
    if (to_send && sending.next <= buffer.filled()) {
      if (!send_some()) return;  // on_writable() goes on
    } else if (to_send || buffer.wants_more()) {
      if (pieces++ == kPiecesPerTurn) {
        more_ = to_send;
        if (more_) arm(reactor_->now());
        return;
      }
      if (!read_blocks()) return;
    } else {
      return;
    }
  }
}

/// False when that was the end of the transfer.
bool Transfer::read_blocks() {
  BlockBuffer& buffer = sending_->buffer;
  // Who acknowledges blocks that have not left yet gets the ones behind them.
  buffer.release(sending_->window.acked());
  const auto read = buffer.read();
  if (!read) {
    fail_locally(read.error());
    return false;
  }
  if (buffer.last() != 0) sending_->window.set_last(buffer.last());
  return true;
}

/// False when the kernel has no room for more.
bool Transfer::send_some() {
  Sending& sending = *sending_;
  const auto packets = sending.buffer.packets(sending.next, sending.until - sending.next);
  const std::size_t size = sending.buffer.packet_size();
  const auto sent = socket_.send_segments(packets, size, options_.peer);
  if (!sent) trouble_ = sent.error();
  // What could not be sent is lost, as it might have been on the way.
  const std::size_t gone = sent ? *sent : packets.size();
  const std::uint64_t next = sending.next + (gone + size - 1) / size;
  if (sending.next <= sending.highest) {
    ended_.resent += std::min(next, sending.highest + 1) - sending.next;
  }
  sending.highest = std::max(sending.highest, next - 1);
  sending.next = next;
  return gone == packets.size();
}

}  // namespace sluice::tftp
