#pragma once

#include <linux/videodev2.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "tests/camera/pictures.h"

namespace fake_camera {

/// A device of Video4Linux without a kernel. Its descriptor is a timer's (timerfd_create(2)), set
/// to the moment at which the next picture is there: so it can be polled, and nothing runs
/// meanwhile; what would have happened since is made up for at the next call. All times are
/// CLOCK_MONOTONIC in nanoseconds.
class Camera {
 public:
  static Camera& only();

  bool is(const char* path) const;
  /// May be asked at any time, also while the program has hardly begun.
  static bool is(int fd) { return fd >= 0 && fd == opened_; }

  /// These return 0 or more, or an errno value negated.
  int open(int flags);
  int control(unsigned long request, void* argument);
  void close();
  /// The memory file and the place of a buffer in it.
  int memory() const { return memory_; }

 private:
  struct Filled {
    std::uint32_t index, sequence;
    std::int64_t at;
    bool damaged;
  };

  Camera() = default;
  void advance(std::int64_t now);
  void take_picture();
  void arm() const;
  bool gone(std::int64_t now) const { return gone_ && (back_at_ == 0 || now < back_at_); }

  int controlled(unsigned long request, void* argument);
  int describe(v4l2_capability& found) const;
  int format(v4l2_format& format, bool set) const;
  int list_format(v4l2_fmtdesc& one) const;
  int rate(v4l2_streamparm& rate) const;
  int make_buffers(v4l2_requestbuffers& request);
  int describe(v4l2_buffer& buffer) const;
  int queue(const v4l2_buffer& buffer);
  int dequeue(v4l2_buffer& buffer);
  int stream(bool on);

  constinit static inline std::atomic<int> opened_ = -1;  // fd_
  std::mutex mutex_;
  const Pictures* pictures_ = nullptr;
  int fd_ = -1, memory_ = -1;
  bool waits_ = false;  // was opened without O_NONBLOCK
  std::uint8_t* mapped_ = nullptr;
  std::size_t buffer_bytes_ = 0;
  std::uint32_t buffers_ = 0;
  std::deque<std::uint32_t> queued_;
  std::deque<Filled> filled_;
  bool on_ = false;
  std::int64_t next_ = 0;
  std::uint32_t sequence_ = 0;
  std::uint64_t taken_ = 0;       // since the program began
  std::uint64_t since_open_ = 0;  // since it was opened
  bool gone_ = false;
  bool came_back_ = false;
  std::int64_t back_at_ = 0;
};

}  // namespace fake_camera
