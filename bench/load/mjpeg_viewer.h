#pragma once

#include <endian.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/load.h"

namespace load {

inline constexpr std::size_t kHeadBytes = 2048;  // the most a part's head may have
inline constexpr std::size_t kLargestPicture = 16 << 20;
inline constexpr std::string_view kStamp("\xff\xd8\xff\xfe\0\022FAKE", 10);
inline constexpr std::size_t kStampBytes = kStamp.size() + 4 + 8, kEndBytes = 2;

/// What several viewers have seen.
struct PictureCounts {
  std::uint64_t frames = 0, bytes = 0, skipped = 0, doubled = 0, disordered = 0, bad = 0,
                closed = 0;
  std::vector<double> milliseconds = {};
};

/// One connection. Of each picture its first and last two bytes are looked at, and the comment that
/// the camera has put behind the first two (tests/camera/README.md): FF FE, a length of 18, "FAKE",
/// the picture's number and the time of its making (CLOCK_MONOTONIC, ns), big-endian.
///
/// A picture is taken in three steps, so that its middle need not be copied: what came together
/// with the head, the middle, and the last two bytes.
class Viewer {
 public:
  Viewer(int fd, PictureCounts& counts, bool copy) : fd_(fd), copy_(copy), counts_(&counts) {}

  int fd() const { return fd_; }
  bool open() const { return open_; }
  std::uint64_t frames() const { return frames_; }
  void start_counting() { frames_ = 0; }

  /// Reads what is there, but `most` bytes at most; returns how many.
  std::size_t receive(std::size_t most) {
    std::size_t total = 0, want = 0, got = 0;
    do {
      want = std::min(most - total, next_step());
      got = want == 0 ? 0 : receive_once(want);
      total += got;
    } while (open_ && got > 0 && got == want);
    counts_->bytes += total;
    return total;
  }

 private:
  alignas(4096) static inline std::array<char, 256 * 1024> memory;

  bool in_the_middle() const { return !copy_ && left_ > kEndBytes && begun_.size() == kStampBytes; }

  std::size_t next_step() const {
    if (copy_) return memory.size();
    return in_the_middle() ? left_ - kEndBytes : kHeadBytes / 2;
  }

  std::size_t receive_once(std::size_t want) {
    const bool middle = in_the_middle();
    const ssize_t got = recv(fd_, memory.data(), want, MSG_DONTWAIT | (middle ? MSG_TRUNC : 0));
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (got <= 0) return end();
    const auto size = static_cast<std::size_t>(got);
    if (middle) {
      left_ -= size;
    } else if (!take({memory.data(), size})) {
      return end();
    }
    return size;
  }

  std::size_t end() {
    ++counts_->closed;
    open_ = false;
    close(fd_);
    return 0;
  }

  /// False if it is not what it should be.
  bool take(std::string_view bytes) {
    while (!bytes.empty()) {
      if (left_ > 0) {
        const std::string_view part = bytes.substr(0, left_);
        bytes.remove_prefix(part.size());
        take_picture(part);
        continue;
      }
      const std::size_t had = head_.size();
      head_ += bytes.substr(0, kHeadBytes);
      const std::size_t end = head_.find("\r\n\r\n", had < 3 ? 0 : had - 3);
      if (end == std::string::npos) return head_.size() < kHeadBytes;
      bytes.remove_prefix(end + 4 - had);
      head_.resize(end);
      if (!read_head()) return false;
      head_.clear();
    }
    return true;
  }

  /// Each part must have a length; the answer itself has none.
  bool read_head() {
    constexpr std::string_view kLength = "\r\ncontent-length:";
    if (head_.starts_with("HTTP/")) return head_.substr(8, 5) == " 200 ";
    for (char& c : head_) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    const std::size_t at = head_.find(kLength);
    if (at == std::string::npos) return false;
    left_ = std::strtoul(&head_[at + kLength.size()], nullptr, 10);
    begun_.clear();
    ended_.clear();
    return left_ > kStampBytes + kEndBytes && left_ < kLargestPicture;
  }

  void take_picture(std::string_view part) {
    if (begun_.size() < kStampBytes) begun_ += part.substr(0, kStampBytes - begun_.size());
    left_ -= part.size();
    if (left_ < kEndBytes) ended_ += part.substr(part.size() - std::min(part.size(), kEndBytes));
    if (left_ == 0) complete();
  }

  void complete() {
    ++frames_;
    ++counts_->frames;
    if (!begun_.starts_with(kStamp) || !ended_.ends_with("\xff\xd9")) {
      ++counts_->bad;
      return;
    }
    std::uint32_t number;
    std::uint64_t made;
    std::memcpy(&number, &begun_[kStamp.size()], sizeof number);
    std::memcpy(&made, &begun_[kStamp.size() + sizeof number], sizeof made);
    number = be32toh(number);
    const double age = load::seconds_now() - static_cast<double>(be64toh(made)) / 1e9;
    counts_->milliseconds.push_back(age * 1000);
    const auto step = static_cast<std::int32_t>(number - number_);
    if (numbered_ && step == 0) ++counts_->doubled;
    if (numbered_ && step < 0) ++counts_->disordered;
    if (numbered_ && step > 1) counts_->skipped += static_cast<std::uint64_t>(step - 1);
    number_ = number;
    numbered_ = true;
  }

  int fd_;
  bool copy_, open_ = true, numbered_ = false;
  std::uint32_t number_ = 0;  // of the last picture
  std::uint64_t frames_ = 0;
  std::size_t left_ = 0;  // bytes of the picture under way
  std::string head_, begun_, ended_;
  PictureCounts* counts_;
};

}  // namespace load
