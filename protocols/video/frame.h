#pragma once

#include <cstdint>

#include "reactor/buffer.h"
#include "reactor/clock.h"

namespace sluice::video {

/// What the bytes of a Frame are.
enum class Encoding : std::uint8_t {
  jpeg,  ///< a whole baseline or progressive JPEG, SOI to EOI, with its Huffman tables
  bgr,   ///< height rows of width pixels of 3 bytes, blue green red, nothing between the rows
  yuyv,  ///< as a camera gives it: two pixels in 4 bytes (V4L2_PIX_FMT_YUYV)
};

/// One picture. Copying it costs an increment: its bytes are shared by all who send it, and never
/// change.
struct Frame {
  SharedBytes bytes = {};
  Encoding encoding = Encoding::jpeg;
  std::uint32_t width = 0;  ///< pixels
  std::uint32_t height = 0;
  /// Counted by its source from 1; a gap is a frame that the source lost. 0: there is none.
  std::uint64_t number = 0;
  TimePoint captured = {};  ///< when the source had it, on the Reactor's clock
};

}  // namespace sluice::video
