#include "tools/video/window.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <opencv2/highgui.hpp>

#include "reactor/text.h"
#include "tools/command.h"
#include "tools/video/opencv.h"

namespace sluice::tools {
namespace {

constexpr std::string_view kNoDisplay =
    "sluice video: there is no display to show a window on: the one that DISPLAY or "
    "WAYLAND_DISPLAY names does not let us in\n";

int words_to = STDERR_FILENO;  // where the next two may say it
bool opening = false;

/// Qt calls abort() when it gets no display …
void on_abort(int) {
  (void)!::write(words_to, kNoDisplay.data(), kNoDisplay.size());
  ::_exit(kFailed);
}

/// … and GTK calls exit().
void on_exit() {
  if (opening) on_abort(SIGABRT);
}

bool names_display(const char* variable) {
  const char* const value = std::getenv(variable);
  return value && *value;
}

}  // namespace

Window::~Window() {
  if (open_) (void)guarded([] { cv::destroyAllWindows(); });
}

Started Window::open(std::string title) {
  title_ = std::move(title);
  const bool offscreen = names_display("QT_QPA_PLATFORM");
  if (!names_display("DISPLAY") && !names_display("WAYLAND_DISPLAY") && !offscreen) {
    return std::unexpected(
        "there is no display to show a window on: neither DISPLAY nor WAYLAND_DISPLAY is set");
  }
  const QuietErrors quiet;
  if (quiet.kept() >= 0) words_to = quiet.kept();
  std::atexit(on_exit);
  const auto before = std::signal(SIGABRT, on_abort);
  opening = true;
  auto opened = guarded([this] {
    cv::namedWindow(title_, cv::WINDOW_NORMAL | cv::WINDOW_KEEPRATIO | cv::WINDOW_GUI_NORMAL);
  });
  opening = false;
  std::signal(SIGABRT, before);
  open_ = opened.has_value();
  return opened;
}

Started Window::show(const cv::Mat& picture) {
  const QuietErrors quiet;
  return guarded([&] {
    if (!shown_) cv::resizeWindow(title_, picture.cols, picture.rows);
    cv::imshow(title_, picture);
    shown_ = true;
  });
}

Window::Event Window::look(int& key) {
  const auto pressed = guarded([] { return cv::pollKey(); });
  key = pressed.value_or(-1);
  if (key >= 0) return Event::key;
  const auto visible =
      guarded([this] { return cv::getWindowProperty(title_, cv::WND_PROP_VISIBLE); });
  return visible.value_or(0) < 1 ? Event::closed : Event::nothing;
}

}  // namespace sluice::tools
