#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace sluice::video {

/// The pickle (protocol 4) of a numpy.ndarray of dtype uint8 and shape (height, width, 3) is the
/// pixels with these bytes before and behind them. Python's pickle.loads takes it with numpy 1
/// and 2.
struct PickleFrame {
  std::string before, after;
};
PickleFrame pickle_frame(std::uint32_t width, std::uint32_t height);

/// The pixels in a pickle. They point into what was read, or, where that has them as text, to
/// `decoded`. To be moved, not copied.
struct PickledPicture {
  std::uint32_t width = 0, height = 0;
  std::span<const std::byte> bgr = {};
  std::unique_ptr<std::byte[]> decoded = {};
};

/// Reads the pickles that numpy 1 and 2 make of such an array (protocols 2 to 5) by walking their
/// opcodes and comparing; nothing is ever built or called. The error names what was not expected.
/// Memory: none, but for protocol 2, which has the pixels as text: at most as much as was read.
std::expected<PickledPicture, std::string_view> read_pickle(std::span<const std::byte> bytes);

}  // namespace sluice::video
