#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocols/video/frame.h"
#include "reactor/error.h"
#include "reactor/fd.h"

struct v4l2_format;

namespace sluice::video {

/// A camera that is open and set up: the system calls of Video4Linux (the kernel's documentation,
/// "Video for Linux API", streaming I/O with memory mapping). Its memory ends with it.
class V4l2Device {
 public:
  struct Wishes {
    std::uint32_t width, height;
    std::uint32_t fps;  ///< 0: as it has it
    bool raw;           ///< YUYV will do when it has no JPEG
  };
  /// What the camera has filled. `bytes` are good until it is given back.
  struct Buffer {
    std::uint32_t index = 0;
    std::uint32_t sequence = 0;  ///< counted by the driver, those it had no buffer for included
    bool damaged = false;        ///< so says the driver
    std::optional<TimePoint> captured = {};
    std::span<const std::byte> bytes = {};
  };

  /// The error is a sentence that names `path`.
  static std::expected<std::unique_ptr<V4l2Device>, std::string> open(const std::string& path,
                                                                      const Wishes& wishes);
  V4l2Device(const V4l2Device&) = delete;
  V4l2Device& operator=(const V4l2Device&) = delete;
  ~V4l2Device();

  int fd() const { return fd_.get(); }  ///< readable when there is a buffer to take
  Encoding encoding() const { return encoding_; }
  std::uint32_t width() const { return width_; }
  std::uint32_t height() const { return height_; }
  std::uint32_t stride() const { return stride_; }  ///< bytes from one row of YUYV to the next

  /// Camera on: gives it all buffers.
  Result<void> start();
  /// Camera off: all buffers are back here.
  void stop();

  /// The oldest that it has filled; nothing when there is none.
  Result<std::optional<Buffer>> take();
  Result<void> give_back(std::uint32_t index);

 private:
  using Step = std::expected<void, std::string>;

  V4l2Device(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  Step check() const;
  Step set_format(const Wishes& wishes);
  bool try_format(std::uint32_t format, const Wishes& wishes, v4l2_format& got) const;
  void set_rate(std::uint32_t fps) const;
  Step map_buffers();
  std::string sentence(std::string_view what) const;

  std::string path_;
  Fd fd_;
  Encoding encoding_ = Encoding::jpeg;
  std::uint32_t width_ = 0, height_ = 0, stride_ = 0;
  std::vector<std::span<std::byte>> buffers_;  // mapped, by index
};

}  // namespace sluice::video
