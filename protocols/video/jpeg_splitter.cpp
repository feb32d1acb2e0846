#include "protocols/video/jpeg_splitter.h"

#include <algorithm>
#include <cstring>

#include "protocols/video/jpeg_markers.h"

namespace sluice::video {
namespace {

constexpr std::byte kMark{0xff};

std::size_t find_mark(std::span<const std::byte> bytes) {
  const void* found = bytes.empty() ? nullptr : std::memchr(bytes.data(), 0xff, bytes.size());
  if (found == nullptr) return bytes.size();
  return static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data());
}

}  // namespace

JpegSplitter::JpegSplitter(std::size_t max_bytes) : max_bytes_(max_bytes) {}

std::optional<std::span<const std::byte>> JpegSplitter::picture() const {
  if (state_ != State::complete) return std::nullopt;
  return std::span<const std::byte>(picture_);
}

std::size_t JpegSplitter::feed(std::span<const std::byte> bytes) {
  if (state_ == State::complete) {
    picture_.clear();
    state_ = State::outside;
  }
  std::size_t taken = 0;
  while (taken < bytes.size() && state_ != State::complete) {
    const std::span<const std::byte> rest = bytes.subspan(taken);
    switch (state_) {
      case State::outside:
        taken += pass_over(rest);
        break;
      case State::marker:
        taken += take_markers(rest);
        break;
      case State::scan:
        taken += take_scan(rest);
        break;
      case State::length:
      case State::segment:
        taken += take_segment(rest);
        break;
      case State::complete:
        break;
    }
    if (picture_.size() > max_bytes_) drop();
  }
  return taken;
}

std::size_t JpegSplitter::pass_over(std::span<const std::byte> bytes) {
  if (after_ff_) {
    after_ff_ = bytes[0] == kMark;
    if (std::to_integer<std::uint8_t>(bytes[0]) == marker::kStart) begin();
    return 1;
  }
  const std::size_t at = find_mark(bytes);
  if (at == bytes.size()) return at;
  after_ff_ = true;
  return at + 1;
}

/// One byte of what stands between two segments.
std::size_t JpegSplitter::take_markers(std::span<const std::byte> bytes) {
  const std::byte byte = bytes[0];
  if (byte == kMark) {
    after_ff_ = true;
    picture_.push_back(byte);
    return 1;
  }
  const auto code = std::to_integer<std::uint8_t>(byte);
  if (!after_ff_ || code == marker::kData || marker::is_restart(code)) {
    drop();
    return 1;
  }
  take_marker(code);
  return 1;
}

std::size_t JpegSplitter::take_scan(std::span<const std::byte> bytes) {
  if (!after_ff_) {
    const std::size_t at = find_mark(bytes);
    const std::size_t taken = std::min({at + 1, bytes.size(), max_bytes_ + 1 - picture_.size()});
    after_ff_ = taken > at;
    append(bytes.first(taken));
    return taken;
  }
  const auto code = std::to_integer<std::uint8_t>(bytes[0]);
  if (bytes[0] == kMark || code == marker::kData || marker::is_restart(code)) {
    after_ff_ = bytes[0] == kMark;
    picture_.push_back(bytes[0]);
    return 1;
  }
  take_marker(code);
  return 1;
}

/// The second byte of a marker that is none of the scan's own.
void JpegSplitter::take_marker(std::uint8_t code) {
  after_ff_ = false;
  if (code == marker::kStart) {
    ++broken_;
    begin();
    return;
  }
  picture_.push_back(std::byte{code});
  if (code == marker::kEnd) {
    state_ = picture_.size() <= max_bytes_ ? State::complete : state_;
  } else if (code == marker::kTemporary) {
    state_ = State::marker;
  } else {
    marker_ = code;
    state_ = State::length;
    left_ = 2;
  }
}

void JpegSplitter::append(std::span<const std::byte> bytes) {
  picture_.insert(picture_.end(), bytes.begin(), bytes.end());
}

std::size_t JpegSplitter::take_segment(std::span<const std::byte> bytes) {
  const std::size_t taken = std::min({left_, bytes.size(), max_bytes_ + 1 - picture_.size()});
  append(bytes.first(taken));
  left_ -= taken;
  if (left_ > 0) return taken;
  if (state_ == State::length) {
    const auto high = std::to_integer<std::size_t>(picture_[picture_.size() - 2]);
    const std::size_t size = high << 8 | std::to_integer<std::size_t>(picture_.back());
    if (size < 2) {
      drop();
      return taken;
    }
    left_ = size - 2;
    state_ = State::segment;
    if (left_ > 0) return taken;
  }
  state_ = marker_ == marker::kScan ? State::scan : State::marker;
  return taken;
}

void JpegSplitter::begin() {
  picture_.assign({kMark, std::byte{marker::kStart}});
  after_ff_ = false;
  state_ = State::marker;
}

void JpegSplitter::drop() {
  ++broken_;
  picture_.clear();
  after_ff_ = false;
  state_ = State::outside;
}

}  // namespace sluice::video
