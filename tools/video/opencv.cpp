#include "tools/video/opencv.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "reactor/fd.h"

namespace sluice::tools {
namespace {

/// A head of a few bytes must not make us take gigabytes: 8 times the pixels of a 4K screen.
constexpr std::uint64_t kMaxPixels = 8 * 3840 * 2160;

constexpr std::uint32_t kRtpSide = 2040;  // RFC 2435, section 3.1.5: a byte, in units of 8 pixels

bool fits_in_memory(std::uint64_t width, std::uint64_t height) {
  return width > 0 && height > 0 && width <= kMaxPixels && height <= kMaxPixels &&
         width * height <= kMaxPixels;
}

/// OpenCV's own type for a size, and for what is to be read only, too.
cv::Mat view(const video::Frame& frame, int type) {
  auto* const bytes = const_cast<std::byte*>(frame.bytes.bytes().data());
  return {static_cast<int>(frame.height), static_cast<int>(frame.width), type, bytes};
}

cv::Mat decode(const video::Frame& frame) {
  const auto bytes = frame.bytes.bytes();
  const cv::Mat row(1, static_cast<int>(bytes.size()), CV_8UC1,
                    const_cast<std::byte*>(bytes.data()));
  return cv::imdecode(row, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
}

cv::Mat from_yuyv(const video::Frame& frame) {
  cv::Mat picture;
  cv::cvtColor(view(frame, CV_8UC2), picture, cv::COLOR_YUV2BGR_YUYV);
  return picture;
}

video::Frame frame_like(const video::Frame& like, const cv::Mat& picture, video::Encoding encoding,
                        std::span<const std::byte> bytes) {
  return {.bytes = SharedBytes(bytes),
          .encoding = encoding,
          .width = static_cast<std::uint32_t>(picture.cols),
          .height = static_cast<std::uint32_t>(picture.rows),
          .number = like.number,
          .captured = like.captured};
}

}  // namespace

void quiet_opencv() {
  // What a user has set stays.
  ::setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);  // AV_LOG_QUIET
  ::setenv("OPENCV_LOG_LEVEL", "SILENT", 0);
  (void)guarded([] { cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT); });
  // It prints what it throws, too, unless somebody takes it.
  (void)guarded([] {
    cv::redirectError([](int, const char*, const char*, const char*, int, void*) { return 0; });
  });
}

DeafThreads::DeafThreads() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
}

DeafThreads::~DeafThreads() {
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

QuietErrors::QuietErrors() : kept_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) {
  if (kept_ < 0) return;
  const Fd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (nowhere) ::dup2(nowhere.get(), STDERR_FILENO);
}

QuietErrors::~QuietErrors() {
  if (kept_ < 0) return;
  ::dup2(kept_, STDERR_FILENO);
  ::close(kept_);
}

Picture to_bgr(const video::Frame& frame) {
  const std::uint64_t pixels = std::uint64_t{frame.width} * frame.height;
  if (!fits_in_memory(frame.width, frame.height)) {
    return std::unexpected(concat("a picture of ", frame.width, 'x', frame.height, " pixels"));
  }
  const std::size_t size = frame.bytes.size();
  switch (frame.encoding) {
    case video::Encoding::bgr:
      if (size < pixels * 3) return std::unexpected("a picture that is cut short");
      return view(frame, CV_8UC3);
    case video::Encoding::yuyv:
      if (size < pixels * 2) return std::unexpected("a picture that is cut short");
      return guarded([&] { return from_yuyv(frame); });
    case video::Encoding::jpeg:
      break;
  }
  const QuietErrors quiet;  // libjpeg warns of bytes too many and too few
  auto picture = guarded([&] { return decode(frame); });
  if (picture && picture->empty()) return std::unexpected("a JPEG that cannot be decoded");
  return picture;
}

Picture to_size(const cv::Mat& picture, std::uint32_t width, std::uint32_t height) {
  if (static_cast<std::uint32_t>(picture.cols) == width &&
      static_cast<std::uint32_t>(picture.rows) == height) {
    return picture;
  }
  if (!fits_in_memory(width, height)) {
    return std::unexpected(concat("cannot make it ", width, 'x', height, " pixels"));
  }
  return guarded([&] {
    cv::Mat resized;
    const cv::Size size(static_cast<int>(width), static_cast<int>(height));
    cv::resize(picture, resized, size, 0, 0, cv::INTER_AREA);
    return resized;
  });
}

Picture to_width(const cv::Mat& picture, std::uint32_t width) {
  const auto cols = static_cast<std::uint64_t>(picture.cols);
  const auto height = width * static_cast<std::uint64_t>(picture.rows) / cols;
  return to_size(picture, width,
                 static_cast<std::uint32_t>(std::clamp<std::uint64_t>(height, 1, UINT32_MAX)));
}

Picture into_size(const cv::Mat& picture, std::uint32_t width, std::uint32_t height) {
  const std::uint64_t cols = static_cast<std::uint64_t>(picture.cols),
                      rows = static_cast<std::uint64_t>(picture.rows);
  const bool wider = cols * height >= rows * width;
  const auto inner_width = wider ? width : static_cast<std::uint32_t>(cols * height / rows);
  const auto inner_height = wider ? static_cast<std::uint32_t>(rows * width / cols) : height;
  const auto inner = to_size(picture, std::max(inner_width, 1u), std::max(inner_height, 1u));
  if (!inner || (inner_width == width && inner_height == height)) return inner;
  return guarded([&] {
    const int left = (static_cast<int>(width) - inner->cols) / 2;
    const int top = (static_cast<int>(height) - inner->rows) / 2;
    cv::Mat whole = cv::Mat::zeros(static_cast<int>(height), static_cast<int>(width), CV_8UC3);
    inner->copyTo(whole(cv::Rect(left, top, inner->cols, inner->rows)));
    return whole;
  });
}

Picture to_rtp_size(const cv::Mat& picture) {
  const auto longest = static_cast<std::uint32_t>(std::max(picture.cols, picture.rows));
  Picture fit = picture;
  if (longest > kRtpSide) {
    const auto cols = static_cast<std::uint64_t>(picture.cols);
    fit = to_width(picture, static_cast<std::uint32_t>(cols * kRtpSide / longest));
  }
  if (!fit) return fit;
  const int width = fit->cols / 8 * 8, height = fit->rows / 8 * 8;
  if (width == 0 || height == 0) return std::unexpected("a picture that is too small for RTP");
  return guarded([&] { return (*fit)(cv::Rect(0, 0, width, height)); });
}

Made bgr_frame(const cv::Mat& picture, const video::Frame& like) {
  return guarded([&] {
    const cv::Mat pixels = picture.isContinuous() ? picture : picture.clone();
    const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(pixels.data),
                                           pixels.total() * pixels.elemSize());
    return frame_like(like, pixels, video::Encoding::bgr, bytes);
  });
}

Made jpeg_frame(const cv::Mat& picture, int quality, const video::Frame& like) {
  return guarded([&] {
    std::vector<unsigned char> bytes;
    cv::imencode(".jpg", picture, bytes,
                 {cv::IMWRITE_JPEG_QUALITY, quality, cv::IMWRITE_JPEG_OPTIMIZE, 0,
                  cv::IMWRITE_JPEG_PROGRESSIVE, 0});
    return frame_like(like, picture, video::Encoding::jpeg, std::as_bytes(std::span(bytes)));
  });
}

}  // namespace sluice::tools
