#include "protocols/video/frame_writer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace sluice::video {
namespace {

/// Bytes that the kernel may hold unsent: enough to go on while the loop does other things.
constexpr int kUnsentMark = 16 * 1024;

}  // namespace

FrameWriter::FrameWriter(Stream& stream, Wrap wrap) : stream_(&stream), wrap_(std::move(wrap)) {
  // A Unix socket knows no such thing, and its buffer is small.
  setsockopt(stream.fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentMark, sizeof kUnsentMark);
}

void FrameWriter::send(const Frame& frame) {
  if (!sending_) {
    sending_ = true;
    progress_ = stream_->reactor().now();
    take(frame);
    return go_on();
  }
  if (done_ == 0) {
    ++skipped_;
    return take(frame);  // on_drained comes
  }
  if (waiting_.number != 0) ++skipped_;
  waiting_ = frame;
}

void FrameWriter::on_drained() {
  if (sending_) go_on();
}

Duration FrameWriter::stalled() const {
  return sending_ ? stream_->reactor().now() - progress_ : Duration::zero();
}

void FrameWriter::take(const Frame& frame) {
  current_ = frame;
  wrapping_ = wrap_(frame);
  done_ = 0;
}

void FrameWriter::go_on() {
  for (;;) {
    std::size_t left = 0;
    const std::size_t taken = offer_rest(left);
    done_ += taken;
    bytes_ += taken;
    if (taken > 0) progress_ = stream_->reactor().now();
    if (taken < left) return;  // on_drained comes
    ++sent_;
    if (waiting_.number == 0) break;
    take(std::exchange(waiting_, {}));
  }
  sending_ = false;
  current_ = {};
}

std::size_t FrameWriter::offer_rest(std::size_t& left) {
  const std::span<const std::byte> parts[] = {wrapping_.before.bytes(), current_.bytes.bytes(),
                                              wrapping_.after.bytes()};
  std::array<iovec, 3> pieces;
  std::size_t count = 0, skip = done_;
  for (std::span<const std::byte> part : parts) {
    const std::size_t gone = std::min(skip, part.size());
    skip -= gone;
    part = part.subspan(gone);
    if (part.empty()) continue;
    pieces[count++] = {const_cast<std::byte*>(part.data()), part.size()};
    left += part.size();
  }
  return stream_->offer({pieces.data(), count});
}

}  // namespace sluice::video
