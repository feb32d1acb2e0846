#pragma once

#include <csignal>
#include <cstdint>
#include <exception>
#include <expected>
#include <opencv2/core.hpp>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "protocols/video/frame.h"
#include "reactor/text.h"

/// The pictures of OpenCV and ours. OpenCV throws, while nothing of sluice does: no exception gets
/// past these functions.
namespace sluice::tools {

/// While there is one, threads come into being deaf to the signals that end a program. OpenCV and
/// what it is made of start threads that stay, and one that hears of ^C would end the process
/// before the Reactor knows.
class DeafThreads {
 public:
  DeafThreads();
  DeafThreads(const DeafThreads&) = delete;
  DeafThreads& operator=(const DeafThreads&) = delete;
  ~DeafThreads();

 private:
  sigset_t before_;
};

/// Calls it; what it throws becomes a sentence.
template <class Call>
std::expected<std::invoke_result_t<Call>, std::string> guarded(Call call) {
  const DeafThreads deaf;
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Call>>) {
      call();
      return {};
    } else {
      return call();
    }
  } catch (const cv::Exception& error) {
    return std::unexpected(concat("OpenCV: ", error.err));
  } catch (const std::exception& error) {
    return std::unexpected(concat("OpenCV: ", error.what()));
  }
}

/// Neither OpenCV nor what it is made of writes to standard error from then on, but what
/// `QuietErrors` is for. To be called first of all.
void quiet_opencv();

/// While there is one, standard error leads nowhere: some of those libraries write to it whatever
/// they are told.
class QuietErrors {
 public:
  QuietErrors();
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;
  ~QuietErrors();

  /// Where it leads otherwise; -1 when it cannot be kept quiet.
  int kept() const { return kept_; }

 private:
  int kept_;
};

/// Pixels, or why there are none.
using Picture = std::expected<cv::Mat, std::string>;

/// 3 bytes a pixel, blue green red. They may be those of `frame`, which has to stay then and must
/// not be drawn into.
Picture to_bgr(const video::Frame& frame);

/// As imutils.resize does: `width` pixels wide and as high as it was in proportion.
Picture to_width(const cv::Mat& picture, std::uint32_t width);
Picture to_size(const cv::Mat& picture, std::uint32_t width, std::uint32_t height);
/// As large as it fits into that size in proportion, in the middle of black.
Picture into_size(const cv::Mat& picture, std::uint32_t width, std::uint32_t height);
/// As RTP can carry it: at most 2040 pixels each way, cut down to multiples of 8.
Picture to_rtp_size(const cv::Mat& picture);

using Made = std::expected<video::Frame, std::string>;

/// The picture as a frame; number and time are those of `like`.
Made bgr_frame(const cv::Mat& picture, const video::Frame& like);
/// Baseline, 4:2:0, the tables of annex K.3: what RTP and every viewer takes.
Made jpeg_frame(const cv::Mat& picture, int quality, const video::Frame& like);

}  // namespace sluice::tools
