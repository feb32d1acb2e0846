#include "protocols/tftp/transfer.h"

/// The receiver's half of a transfer.
namespace sluice::tftp {
namespace {

/// Contents are written in pieces of so many bytes.
constexpr std::size_t kPieceBytes = 64 * 1024;

}  // namespace

void Transfer::take_data(const Data& data) {
  if (state_ == State::dallying) {
    if (data.block != wire_number(receiving_->received(), terms_.rollover)) return;
    due_ = reactor_->now() + kDally;
    return send_ack();
  }
  if (state_ == State::opening) {
    if (data.block != 1) return;
    if (options_.accept && !agree({})) return;
    state_ = State::running;
    opening_ = {};
    receiving_.emplace(terms_.window, terms_.rollover);
  }
  if (data.bytes.size() > terms_.block_size) return nonsense("a block is larger than agreed on");
  const auto verdict = receiving_->on_data(data.block, data.bytes.size() < terms_.block_size);
  if (verdict.take) {
    progress();
    bytes_ += data.bytes.size();
  } else if (verdict.ack) {
    if (is_echo(data.block)) return;
    ++ended_.resent;
  }
  if (receiving_->done()) {
    if (!gather(data.bytes) || !flush()) return;
    if (auto finished = sink_->finish(); !finished) return fail_locally(finished.error());
    send_ack();
    return end(Ended::Kind::whole);
  }
  // First the acknowledgement: the sender works while the disk does.
  if (verdict.ack) {
    send_ack();
    timed_ = verdict.take;
  }
  if (verdict.take && !gather(data.bytes)) return;
  if (verdict.take || verdict.ack) await_answer();
}

/// Whether that is the last block again so soon behind its acknowledgement that it crossed it on
/// the way. Senders that answer each acknowledgement by a block, curl's among them, would be sent
/// one for each, for ever (RFC 1123, section 4.2.3.1). An acknowledgement that was really lost
/// follows by the clock.
bool Transfer::is_echo(std::uint16_t block) const {
  if (block != wire_number(receiving_->received(), terms_.rollover)) return false;
  return reactor_->now() - sent_at_ < std::max(round_trip_.least(), RoundTrip::kFloor / 2);
}

/// False when that was the end of the transfer.
bool Transfer::gather(std::span<const std::byte> bytes) {
  if (gathered_.empty() && bytes.size() >= kPieceBytes / 2) {
    if (auto written = sink_->write(bytes); !written) {
      fail_locally(written.error());
      return false;
    }
    return true;
  }
  gathered_.insert(gathered_.end(), bytes.begin(), bytes.end());
  return gathered_.size() < kPieceBytes || flush();
}

bool Transfer::flush() {
  if (gathered_.empty()) return true;
  if (auto written = sink_->write(gathered_); !written) {
    fail_locally(written.error());
    return false;
  }
  gathered_.clear();
  return true;
}

void Transfer::send_ack() {
  put_ack(packet_, wire_number(receiving_->received(), terms_.rollover));
  const auto sent = socket_.send(packet_, options_.peer);
  if (!sent && sent.error().code != EAGAIN) trouble_ = sent.error();
  sent_at_ = reactor_->now();
}

}  // namespace sluice::tftp
