#pragma once

#include <cstdint>
#include <string>

namespace fake_camera {

/// What the environment asks of the camera: see README.md in this folder.
struct Wishes {
  std::string path;      // the device that it is
  std::string pictures;  // a directory of *.jpg
  std::string log;       // a file
  std::uint64_t fps;
  std::uint64_t bad, error;  // every so manyth picture; 0: none
  std::uint64_t padding;     // bytes behind EOI
  std::uint64_t unplug, back;
  std::uint64_t silent;
  bool no_tables, yuyv, stamp, busy;
};

/// Read once, at the first call.
const Wishes& wishes();

}  // namespace fake_camera
