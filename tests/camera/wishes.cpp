#include "tests/camera/wishes.h"

#include <cstdlib>

namespace fake_camera {
namespace {

std::string text(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::uint64_t number(const char* name, std::uint64_t otherwise = 0) {
  const std::string value = text(name);
  return value.empty() ? otherwise : std::strtoull(value.c_str(), nullptr, 10);
}

}  // namespace

const Wishes& wishes() {
  static const Wishes* const read = new Wishes{
      .path = text("FAKE_CAMERA"),
      .pictures = text("FAKE_CAMERA_PICTURES"),
      .log = text("FAKE_CAMERA_LOG"),
      .fps = number("FAKE_CAMERA_FPS", 30),
      .bad = number("FAKE_CAMERA_BAD"),
      .error = number("FAKE_CAMERA_ERROR"),
      .padding = number("FAKE_CAMERA_PADDING"),
      .unplug = number("FAKE_CAMERA_UNPLUG"),
      .back = number("FAKE_CAMERA_BACK"),
      .silent = number("FAKE_CAMERA_SILENT"),
      .no_tables = number("FAKE_CAMERA_NO_TABLES") != 0,
      .yuyv = number("FAKE_CAMERA_YUYV") != 0,
      .stamp = number("FAKE_CAMERA_STAMP") != 0,
      .busy = number("FAKE_CAMERA_BUSY") != 0,
  };
  return *read;
}

}  // namespace fake_camera
