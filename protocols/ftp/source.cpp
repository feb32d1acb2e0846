#include "protocols/ftp/source.h"

namespace sluice::ftp {

SourcePump::SourcePump(Stream& stream, std::unique_ptr<Source> source, OnDone done)
    : stream_(&stream),
      source_(std::move(source)),
      done_(std::move(done)),
      next_turn_(stream.reactor().timer([this] { turn(); })) {}

void SourcePump::stop() {
  next_turn_.stop();
  done_.reset();
}

void SourcePump::turn() {
  if (!stream_->drained()) return;  // another on_drained() follows
  if (!ended_) {
    chunk_.clear();
    const auto more = source_->fill(chunk_);
    if (!more) return end(more.error());
    ended_ = *more == Source::More::no;
    made_ += chunk_.size();
    if (!chunk_.empty()) stream_->write(chunk_);
  }
  if (!stream_->can_write()) return;  // on_closed() tells
  if (!stream_->drained()) return;
  ended_ ? end({}) : next_turn_.start(Duration::zero());
}

void SourcePump::end(Error error) {
  next_turn_.stop();
  OnDone done = std::move(done_);
  done(error);
}

}  // namespace sluice::ftp
