#include "protocols/video/tcp_frames.h"

#include <algorithm>

#include "reactor/pack.h"

namespace sluice::video {

std::array<std::byte, 8> frame_length(std::uint64_t bytes) {
  return pack<"<Q">(bytes);
}

std::size_t FrameReader::feed(std::span<const std::byte> bytes) {
  if (complete_) {
    complete_ = false;
    payload_.clear();
  }
  std::size_t taken = 0;
  while (taken < bytes.size() && !complete_ && !refused_) {
    const auto rest = bytes.subspan(taken);
    taken += have_ < head_.size() ? take_head(rest) : take_payload(rest);
  }
  return taken;
}

std::size_t FrameReader::take_head(std::span<const std::byte> bytes) {
  const std::size_t size = std::min(bytes.size(), head_.size() - have_);
  std::copy_n(bytes.begin(), size, head_.begin() + have_);
  have_ += size;
  if (have_ < head_.size()) return size;
  const std::uint64_t length = std::get<0>(*unpack<"<Q">(head_));
  if (length > max_bytes_) {
    refused_ = length;
  } else {
    length_ = static_cast<std::size_t>(length);
  }
  if (length == 0) have_ = 0;
  return size;
}

std::size_t FrameReader::take_payload(std::span<const std::byte> bytes) {
  const std::size_t size = std::min(bytes.size(), length_ - payload_.size());
  const std::size_t needed = payload_.size() + size;
  // A length is only a claim: room is made for twice what has come, and never for more than will.
  if (needed > payload_.capacity()) payload_.reserve(std::min(length_, 2 * needed));
  const auto part = bytes.first(size);
  payload_.insert(payload_.end(), part.begin(), part.end());
  if (payload_.size() == length_) {
    complete_ = true;
    have_ = 0;
  }
  return size;
}

std::optional<std::span<const std::byte>> FrameReader::payload() const {
  if (!complete_) return std::nullopt;
  return payload_;
}

}  // namespace sluice::video
