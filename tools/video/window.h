#pragma once

#include <opencv2/core.hpp>
#include <string>

#include "protocols/service.h"

namespace sluice::tools {

/// A window of the desktop. One at a time; everything from the thread that opened it.
class Window {
 public:
  Window() = default;
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  ~Window();

  /// The error is a sentence, also where there is no display: what draws the window would end the
  /// process for that.
  Started open(std::string title);

  /// The first picture gives the window its size.
  Started show(const cv::Mat& picture);

  enum class Event { nothing, key, closed };
  /// Lets the window live for a moment, a few milliseconds at most; what its user did.
  Event look(int& key);

 private:
  std::string title_;
  bool open_ = false;
  bool shown_ = false;
};

}  // namespace sluice::tools
