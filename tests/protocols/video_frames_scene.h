#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/video/frame_hub.h"
#include "protocols/video/jpeg.h"
#include "protocols/video/jpeg_tables.h"
#include "protocols/video/udp_chunks.h"

/// A source of one encoding that hands on what the test gives it.
class GivenSource final : public sluice::video::FrameSource {
 public:
  explicit GivenSource(sluice::video::Encoding encoding) : encoding_(encoding) {}

  std::string name() const override { return "given"; }
  sluice::video::Encoding encoding() const override { return encoding_; }
  sluice::Started start(sluice::video::FrameSink& sink) override {
    sink_ = &sink;
    return {};
  }
  void want(bool) override {}

  void give(std::string_view bytes, std::uint32_t width, std::uint32_t height) {
    sink_->on_frame({.bytes = sluice::SharedBytes(sluice::as_bytes(bytes)),
                     .encoding = encoding_,
                     .width = width,
                     .height = height,
                     .number = ++number});
  }
  void end(std::string_view trouble) { sink_->on_end(trouble); }

  std::uint64_t number = 0;

 private:
  sluice::video::Encoding encoding_;
  sluice::video::FrameSink* sink_ = nullptr;
};

/// Keeps all that comes.
struct KeepingSink final : sluice::video::FrameSink {
  void on_frame(const sluice::video::Frame& frame) noexcept override { frames.push_back(frame); }
  void on_end(std::string_view trouble) noexcept override { ends.emplace_back(trouble); }
  std::string bytes(std::size_t i) const {
    return std::string(sluice::as_text(frames[i].bytes.bytes()));
  }

  std::vector<sluice::video::Frame> frames;
  std::vector<std::string> ends;
};

/// Pixels of 640x480 that no two numbers have in common in any twentieth.
inline std::string pixels(unsigned number) {
  std::string bytes(sluice::video::chunks::kFrameBytes, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(i / 61 + number * 101);
  }
  return bytes;
}

/// A JPEG whose head is in order; what it shows nobody can say.
struct MadeJpeg {
  std::uint16_t width = 64, height = 48;
  std::uint8_t luminance_sampling = 0x22;
  std::uint8_t frame_marker = 0xC0;
  std::uint16_t restart_interval = 0;
  bool huffman = true;
  std::uint8_t quality = 60;
  std::string scan = "scan";

  std::string bytes() const {
    std::string out;
    const auto put = [&out](std::initializer_list<int> codes) {
      for (const int code : codes) out += static_cast<char>(code);
    };
    const auto put_all = [&out](const auto& all) {
      for (const auto code : all) out += static_cast<char>(code);
    };
    put({0xFF, 0xD8, 0xFF, 0xDB, 0, 132, 0});
    put_all(sluice::video::luminance_quantization(quality));
    put({1});
    put_all(sluice::video::chrominance_quantization(quality));
    put({0xFF, frame_marker, 0, 17, 8, height >> 8, height & 255, width >> 8, width & 255, 3});
    put({1, luminance_sampling, 0, 2, 0x11, 1, 3, 0x11, 1});
    if (huffman) put_all(sluice::video::standard_huffman_tables());
    if (restart_interval != 0) {
      put({0xFF, 0xDD, 0, 4, restart_interval >> 8, restart_interval & 255});
    }
    put({0xFF, 0xDA, 0, 12, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0});
    out += scan;
    put({0xFF, 0xD9});
    return out;
  }
};

/// So many bytes without a marker in them.
inline std::string scan_of(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 % 251);
  return bytes;
}
