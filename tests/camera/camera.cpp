#include "tests/camera/camera.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "tests/camera/wishes.h"

namespace fake_camera {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint32_t kMostBuffers = 32;

std::int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

std::int64_t period() {
  return kSecond / static_cast<std::int64_t>(std::max<std::uint64_t>(wishes().fps, 1));
}

void tell(const char* what) {
  if (wishes().log.empty()) return;
  const int file = ::open(wishes().log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return;
  (void)!::write(file, what, std::strlen(what));
  ::close(file);
}

}  // namespace

/// Never destroyed: other libraries close their devices at the end of the program.
Camera& Camera::only() {
  static Camera* const camera = new Camera;
  return *camera;
}

bool Camera::is(const char* path) const {
  return path != nullptr && !wishes().path.empty() && wishes().path == path;
}

int Camera::open(int flags) {
  const std::lock_guard lock(mutex_);
  if (gone(now())) return -ENOENT;
  came_back_ = came_back_ || gone_;
  gone_ = false;
  if (fd_ >= 0) return -EBUSY;
  if (pictures_ == nullptr) pictures_ = new Pictures;
  fd_ =
      timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | ((flags & O_CLOEXEC) != 0 ? TFD_CLOEXEC : 0));
  if (fd_ < 0) return -errno;
  opened_ = fd_;
  waits_ = (flags & O_NONBLOCK) == 0;
  since_open_ = 0;
  tell("open\n");
  return fd_;
}

void Camera::close() {
  const std::lock_guard lock(mutex_);
  opened_ = -1;
  if (on_) tell("off\n");
  tell("close\n");
  if (mapped_ != nullptr) ::munmap(mapped_, buffer_bytes_ * buffers_);
  if (memory_ >= 0) ::close(memory_);
  mapped_ = nullptr;
  fd_ = memory_ = -1;
  buffers_ = 0;
  on_ = false;
  queued_.clear();
  filled_.clear();
}

// --- time
// -----------------------------------------------------------------------------------------

/// All that has happened until `now`.
void Camera::advance(std::int64_t now) {
  while (on_ && !gone_ && next_ <= now) {
    const bool silent = wishes().silent != 0 && since_open_ >= wishes().silent;
    if (!silent) take_picture();
    next_ += period();
  }
}

void Camera::take_picture() {
  if (wishes().unplug != 0 && taken_ >= wishes().unplug && !came_back_) {
    gone_ = true;
    back_at_ =
        wishes().back == 0 ? 0 : next_ + static_cast<std::int64_t>(wishes().back) * 1'000'000;
    on_ = false;
    tell("unplugged\n");
    return;
  }
  ++taken_;
  ++since_open_;
  const std::uint32_t sequence = sequence_++;
  if (queued_.empty()) return;
  const bool damaged = wishes().error != 0 && sequence % wishes().error == wishes().error - 1;
  filled_.push_back({queued_.front(), sequence, next_, damaged});
  queued_.pop_front();
}

/// Readable at once when there is something to fetch, be it an error; else with the next picture.
void Camera::arm() const {
  if (fd_ < 0) return;
  itimerspec when{};
  if (gone_ || !filled_.empty()) {
    when.it_value.tv_nsec = 1;
  } else if (on_) {
    when.it_value.tv_sec = static_cast<time_t>(next_ / kSecond);
    when.it_value.tv_nsec = static_cast<long>(next_ % kSecond);
  }
  timerfd_settime(fd_, TFD_TIMER_ABSTIME, &when, nullptr);
}

// --- ioctl(2)
// -------------------------------------------------------------------------------------

int Camera::control(unsigned long request, void* argument) {
  std::unique_lock lock(mutex_);
  while (true) {
    advance(now());
    const int result = gone_ ? -ENODEV : controlled(request, argument);
    arm();
    if (result != -EAGAIN || !waits_) return result;
    pollfd ready{fd_, POLLIN, 0};
    lock.unlock();
    ::poll(&ready, 1, 1000);
    lock.lock();
  }
}

int Camera::controlled(unsigned long request, void* argument) {
  switch (request) {
    case VIDIOC_QUERYCAP:
      return describe(*static_cast<v4l2_capability*>(argument));
    case VIDIOC_ENUM_FMT:
      return list_format(*static_cast<v4l2_fmtdesc*>(argument));
    case VIDIOC_G_FMT:
    case VIDIOC_TRY_FMT:
      return format(*static_cast<v4l2_format*>(argument), false);
    case VIDIOC_S_FMT:
      return format(*static_cast<v4l2_format*>(argument), true);
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM:
      return rate(*static_cast<v4l2_streamparm*>(argument));
    case VIDIOC_REQBUFS:
      return make_buffers(*static_cast<v4l2_requestbuffers*>(argument));
    case VIDIOC_QUERYBUF:
      return describe(*static_cast<v4l2_buffer*>(argument));
    case VIDIOC_QBUF:
      return queue(*static_cast<v4l2_buffer*>(argument));
    case VIDIOC_DQBUF:
      return dequeue(*static_cast<v4l2_buffer*>(argument));
    case VIDIOC_STREAMON:
      return stream(true);
    case VIDIOC_STREAMOFF:
      return stream(false);
    case VIDIOC_ENUMINPUT: {
      auto& input = *static_cast<v4l2_input*>(argument);
      if (input.index != 0) return -EINVAL;
      input = {};
      input.type = V4L2_INPUT_TYPE_CAMERA;
      return 0;
    }
    case VIDIOC_G_INPUT:
      *static_cast<int*>(argument) = 0;
      return 0;
    case VIDIOC_S_INPUT:
      return *static_cast<int*>(argument) == 0 ? 0 : -EINVAL;
    case VIDIOC_QUERYCTRL:
      return -EINVAL;
    default:
      return -ENOTTY;
  }
}

int Camera::describe(v4l2_capability& found) const {
  found = {};
  std::memcpy(found.driver, "fake", 5);
  std::memcpy(found.card, "fake camera", 12);
  std::memcpy(found.bus_info, "nowhere", 8);
  found.version = 0x60000;
  found.device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
  found.capabilities = found.device_caps | V4L2_CAP_DEVICE_CAPS;
  return 0;
}

int Camera::format(v4l2_format& format, bool set) const {
  if (format.type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return -EINVAL;
  if (set && (wishes().busy || buffers_ > 0)) return -EBUSY;
  format.fmt.pix = {};
  format.fmt.pix.width = pictures_->width();
  format.fmt.pix.height = pictures_->height();
  format.fmt.pix.pixelformat = wishes().yuyv ? V4L2_PIX_FMT_YUYV : V4L2_PIX_FMT_MJPEG;
  format.fmt.pix.field = V4L2_FIELD_NONE;
  format.fmt.pix.bytesperline = wishes().yuyv ? 2 * pictures_->width() : 0;
  format.fmt.pix.sizeimage = static_cast<std::uint32_t>(pictures_->most_bytes());
  format.fmt.pix.colorspace = V4L2_COLORSPACE_JPEG;
  return 0;
}

int Camera::list_format(v4l2_fmtdesc& one) const {
  if (one.index != 0 || one.type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return -EINVAL;
  one.flags = wishes().yuyv ? 0 : V4L2_FMT_FLAG_COMPRESSED;
  one.pixelformat = wishes().yuyv ? V4L2_PIX_FMT_YUYV : V4L2_PIX_FMT_MJPEG;
  std::memcpy(one.description, "fake", 5);
  return 0;
}

/// The environment decides.
int Camera::rate(v4l2_streamparm& rate) const {
  if (rate.type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return -EINVAL;
  rate.parm.capture = {};
  rate.parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
  rate.parm.capture.timeperframe = {1, static_cast<std::uint32_t>(wishes().fps)};
  return 0;
}

int Camera::make_buffers(v4l2_requestbuffers& request) {
  if (request.type != V4L2_BUF_TYPE_VIDEO_CAPTURE || request.memory != V4L2_MEMORY_MMAP) {
    return -EINVAL;
  }
  if (on_) return -EBUSY;
  if (mapped_ != nullptr) ::munmap(mapped_, buffer_bytes_ * buffers_);
  if (memory_ >= 0) ::close(memory_);
  mapped_ = nullptr;
  memory_ = -1;
  queued_.clear();
  filled_.clear();
  buffers_ = request.count = std::min(request.count, kMostBuffers);
  request.capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP;
  if (buffers_ == 0) return 0;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  buffer_bytes_ = (pictures_->most_bytes() + page - 1) / page * page;
  const std::size_t all = buffer_bytes_ * buffers_;
  memory_ = memfd_create("fake camera", MFD_CLOEXEC);
  if (memory_ < 0 || ftruncate(memory_, static_cast<off_t>(all)) != 0) return -ENOMEM;
  void* const mapped = ::mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_SHARED, memory_, 0);
  if (mapped == MAP_FAILED) return -ENOMEM;
  mapped_ = static_cast<std::uint8_t*>(mapped);
  return 0;
}

int Camera::describe(v4l2_buffer& buffer) const {
  if (buffer.index >= buffers_) return -EINVAL;
  buffer.length = static_cast<std::uint32_t>(buffer_bytes_);
  buffer.m.offset = static_cast<std::uint32_t>(buffer_bytes_ * buffer.index);
  buffer.flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
  return 0;
}

int Camera::queue(const v4l2_buffer& buffer) {
  if (buffer.index >= buffers_ || buffer.memory != V4L2_MEMORY_MMAP) return -EINVAL;
  const auto is_this = [&](const Filled& filled) { return filled.index == buffer.index; };
  if (std::ranges::find(queued_, buffer.index) != queued_.end() ||
      std::ranges::find_if(filled_, is_this) != filled_.end()) {
    return -EINVAL;
  }
  queued_.push_back(buffer.index);
  return 0;
}

int Camera::dequeue(v4l2_buffer& buffer) {
  if (!on_) return -EINVAL;
  if (filled_.empty()) return -EAGAIN;
  const Filled filled = filled_.front();
  filled_.pop_front();
  buffer.index = filled.index;
  describe(buffer);
  if (filled.damaged) buffer.flags |= V4L2_BUF_FLAG_ERROR;
  buffer.sequence = filled.sequence;
  buffer.field = V4L2_FIELD_NONE;
  buffer.timestamp.tv_sec = static_cast<decltype(buffer.timestamp.tv_sec)>(filled.at / kSecond);
  buffer.timestamp.tv_usec =
      static_cast<decltype(buffer.timestamp.tv_usec)>(filled.at % kSecond / 1000);
  buffer.bytesused = static_cast<std::uint32_t>(
      pictures_->write(filled.sequence, filled.at, mapped_ + buffer_bytes_ * filled.index));
  return 0;
}

int Camera::stream(bool on) {
  if (on && buffers_ == 0) return -EINVAL;
  if (on == on_) return 0;
  on_ = on;
  next_ = now() + period();
  if (!on) {
    queued_.clear();
    filled_.clear();
  }
  tell(on ? "on\n" : "off\n");
  return 0;
}

}  // namespace fake_camera
