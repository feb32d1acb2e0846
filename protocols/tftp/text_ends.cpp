#include "protocols/tftp/text_ends.h"

#include <algorithm>
#include <cstring>

namespace sluice::tftp {
namespace {

constexpr std::size_t kRawBytes = 16 * 1024;

}  // namespace

Result<std::size_t> TextSource::read(std::span<std::byte> out) {
  std::size_t filled = 0;
  for (;;) {
    const std::size_t size = std::min(out.size() - filled, turned_.size() - given_);
    if (size != 0) std::memcpy(out.data() + filled, turned_.data() + given_, size);
    filled += size;
    given_ += size;
    if (filled == out.size() || ended_) return filled;
    raw_.resize(slow() ? out.size() : kRawBytes);
    const auto got = source_->read(raw_);
    if (!got) return got;
    ended_ = *got < raw_.size();
    turned_.clear();
    given_ = 0;
    turn_.turn(std::span(raw_).first(*got), turned_);
  }
}

Result<void> TextSink::write(std::span<const std::byte> bytes) {
  turned_.clear();
  turn_.turn(bytes, turned_);
  return sink_->write(turned_);
}

Result<void> TextSink::finish() {
  turned_.clear();
  turn_.finish(turned_);
  if (auto written = sink_->write(turned_); !written) return written;
  return sink_->finish();
}

}  // namespace sluice::tftp
