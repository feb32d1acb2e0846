#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fake_camera {

/// What the camera sees, one picture after the other and again.
class Pictures {
 public:
  /// From the environment: JPEG files, or pixels when there are none.
  Pictures();

  std::uint32_t width() const { return width_; }
  std::uint32_t height() const { return height_; }
  std::size_t most_bytes() const;

  /// Writes what the camera sees at the frame `sequence` and `nanoseconds`, to `to`, which has room
  /// for most_bytes(). How many bytes it is.
  std::size_t write(std::uint32_t sequence, std::int64_t nanoseconds, std::uint8_t* to) const;

 private:
  void load(const std::string& path);
  std::size_t write_yuyv(std::uint32_t sequence, std::uint8_t* to) const;

  std::uint32_t width_ = 640, height_ = 480;
  std::vector<std::vector<std::uint8_t>> jpegs_;
};

}  // namespace fake_camera
