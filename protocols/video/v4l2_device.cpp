#include "protocols/video/v4l2_device.h"

#include <fcntl.h>
#include <linux/videodev2.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "reactor/text.h"

namespace sluice::video {
namespace {

/// One to be filled, one being read, and two for a loop that is late.
constexpr std::uint32_t kBuffers = 4;

int call(int fd, unsigned long request, void* argument) {
  int result;
  do {
    result = ::ioctl(fd, request, argument);
  } while (result != 0 && errno == EINTR);
  return result;
}

v4l2_buffer buffer_at(std::uint32_t index) {
  v4l2_buffer buffer{};
  buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  buffer.memory = V4L2_MEMORY_MMAP;
  buffer.index = index;
  return buffer;
}

}  // namespace

std::expected<std::unique_ptr<V4l2Device>, std::string> V4l2Device::open(const std::string& path,
                                                                         const Wishes& wishes) {
  Fd fd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno != EBUSY) {
    return std::unexpected(concat("cannot open ", path, ": ", std::strerror(errno)));
  }
  std::unique_ptr<V4l2Device> device(new V4l2Device(path, std::move(fd)));
  if (!device->fd_) return std::unexpected(device->sentence("open"));
  if (auto step = device->check(); !step) return std::unexpected(step.error());
  if (auto step = device->set_format(wishes); !step) return std::unexpected(step.error());
  if (wishes.fps != 0) device->set_rate(wishes.fps);
  if (auto step = device->map_buffers(); !step) return std::unexpected(step.error());
  return device;
}

V4l2Device::~V4l2Device() {
  for (const std::span<std::byte> buffer : buffers_) ::munmap(buffer.data(), buffer.size());
}

/// Why the call that has just failed did so.
std::string V4l2Device::sentence(std::string_view what) const {
  if (errno == EBUSY) return concat(path_, " is in use by another program");
  return concat(path_, ": ", what, ": ", std::strerror(errno));
}

V4l2Device::Step V4l2Device::check() const {
  v4l2_capability found{};
  if (call(fd(), VIDIOC_QUERYCAP, &found) != 0) {
    if (errno == ENOTTY || errno == EINVAL) return std::unexpected(concat(path_, " is no camera"));
    return std::unexpected(sentence("VIDIOC_QUERYCAP"));
  }
  const std::uint32_t can =
      (found.capabilities & V4L2_CAP_DEVICE_CAPS) != 0 ? found.device_caps : found.capabilities;
  if ((can & V4L2_CAP_VIDEO_CAPTURE) == 0 || (can & V4L2_CAP_STREAMING) == 0) {
    return std::unexpected(concat(path_, " gives no pictures: it is another part of its device"));
  }
  return {};
}

V4l2Device::Step V4l2Device::set_format(const Wishes& wishes) {
  v4l2_format got{};
  for (const std::uint32_t jpeg : {V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_JPEG}) {
    if (try_format(jpeg, wishes, got)) return {};
    if (errno == EBUSY || errno == ENODEV) return std::unexpected(sentence("VIDIOC_S_FMT"));
  }
  if (!wishes.raw) {
    return std::unexpected(
        concat(path_, " gives no JPEG; `sluice video`, which has OpenCV, converts its pictures"));
  }
  if (!try_format(V4L2_PIX_FMT_YUYV, wishes, got)) {
    return std::unexpected(concat(path_, " gives neither JPEG nor YUYV"));
  }
  encoding_ = Encoding::yuyv;
  width_ = got.fmt.pix.width;
  height_ = got.fmt.pix.height;
  stride_ = std::max(got.fmt.pix.bytesperline, 2 * width_);
  return {};
}

/// A driver that does not have a format takes another one instead, or refuses.
bool V4l2Device::try_format(std::uint32_t format, const Wishes& wishes, v4l2_format& got) const {
  got = {};
  got.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  got.fmt.pix.width = wishes.width;
  got.fmt.pix.height = wishes.height;
  got.fmt.pix.pixelformat = format;
  got.fmt.pix.field = V4L2_FIELD_ANY;
  errno = 0;
  return call(fd(), VIDIOC_S_FMT, &got) == 0 && got.fmt.pix.pixelformat == format;
}

/// Cameras that have one rate only refuse it, which is as well.
void V4l2Device::set_rate(std::uint32_t fps) const {
  v4l2_streamparm parameters{};
  parameters.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  parameters.parm.capture.timeperframe = {1, fps};
  call(fd(), VIDIOC_S_PARM, &parameters);
}

V4l2Device::Step V4l2Device::map_buffers() {
  v4l2_requestbuffers request{};
  request.count = kBuffers;
  request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  request.memory = V4L2_MEMORY_MMAP;
  if (call(fd(), VIDIOC_REQBUFS, &request) != 0) return std::unexpected(sentence("VIDIOC_REQBUFS"));
  if (request.count < 2) return std::unexpected(concat(path_, " has no memory for pictures"));
  for (std::uint32_t i = 0; i < request.count; ++i) {
    v4l2_buffer buffer = buffer_at(i);
    if (call(fd(), VIDIOC_QUERYBUF, &buffer) != 0) {
      return std::unexpected(sentence("VIDIOC_QUERYBUF"));
    }
    void* const memory = ::mmap(nullptr, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd(),
                                static_cast<off_t>(buffer.m.offset));
    if (memory == MAP_FAILED) return std::unexpected(sentence("mmap"));
    buffers_.push_back({static_cast<std::byte*>(memory), buffer.length});
  }
  return {};
}

Result<void> V4l2Device::start() {
  for (std::uint32_t i = 0; i < buffers_.size(); ++i) {
    if (auto given = give_back(i); !given) return given;
  }
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (call(fd(), VIDIOC_STREAMON, &type) != 0) return fail("VIDIOC_STREAMON");
  return {};
}

void V4l2Device::stop() {
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  call(fd(), VIDIOC_STREAMOFF, &type);
}

Result<std::optional<V4l2Device::Buffer>> V4l2Device::take() {
  v4l2_buffer filled = buffer_at(0);
  if (call(fd(), VIDIOC_DQBUF, &filled) != 0) {
    if (errno == EAGAIN) return std::nullopt;
    return fail("VIDIOC_DQBUF");
  }
  if (filled.index >= buffers_.size()) return fail("VIDIOC_DQBUF", EIO);
  const std::span<const std::byte> memory = buffers_[filled.index];
  Buffer buffer{.index = filled.index,
                .sequence = filled.sequence,
                .damaged = (filled.flags & V4L2_BUF_FLAG_ERROR) != 0,
                .bytes = memory.first(std::min<std::size_t>(filled.bytesused, memory.size()))};
  if ((filled.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC) {
    buffer.captured = TimePoint(std::chrono::seconds(filled.timestamp.tv_sec) +
                                std::chrono::microseconds(filled.timestamp.tv_usec));
  }
  return buffer;
}

Result<void> V4l2Device::give_back(std::uint32_t index) {
  v4l2_buffer buffer = buffer_at(index);
  if (call(fd(), VIDIOC_QBUF, &buffer) != 0) return fail("VIDIOC_QBUF");
  return {};
}

}  // namespace sluice::video
