#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include "reactor/buffer.h"

namespace sluice::video {

/// What the head of a JPEG says (ITU T.81, annex B). Spans point into the bytes it was read from.
struct JpegHead {
  struct Component {
    std::uint8_t id, horizontal, vertical, table;  ///< sampling factors, quantization table
  };
  std::uint32_t width = 0, height = 0;  ///< pixels
  std::uint8_t frame_marker = 0;        ///< C0 baseline, C2 progressive, …
  std::uint8_t precision = 8;           ///< bits a sample
  std::vector<Component> components = {};
  /// By number: 64 bytes in zigzag order (128 with 16 bits); empty when it is not there.
  std::span<const std::byte> quantization[4] = {};
  bool huffman = false;                ///< has Huffman tables of its own
  bool standard_huffman = false;       ///< and they are those of annex K.3, or there are none
  std::uint16_t restart_interval = 0;  ///< in MCUs; 0: none
  std::uint32_t scans = 0;             ///< one, where nobody asked for anything else
  std::size_t frame_at = 0;            ///< of the SOS marker (FF DA)
  std::size_t scan_at = 0;             ///< first byte of entropy-coded data
  std::size_t end = 0;                 ///< just behind EOI
};

/// Reads the head and finds the end. The error names what is wrong: cut short, no SOI, a segment
/// that is longer than what is left, no EOI …. It is a literal. Bytes behind EOI (padding, as
/// cameras leave) are allowed. Takes time by the size of `bytes`, and memory for its components.
std::expected<JpegHead, std::string_view> read_jpeg(std::span<const std::byte> bytes);

/// What to put in at JpegHead::frame_at of a picture without Huffman tables, as many cameras make
/// them: one DHT segment with the tables of annex K.3.
std::span<const std::byte> standard_huffman_tables();

/// A picture as a Frame has it: SOI to EOI, baseline or progressive, with its Huffman tables.
struct JpegPicture {
  SharedBytes bytes = {};
  std::uint32_t width = 0, height = 0;
};

/// Makes one of what a camera or a file gives: takes off what lies behind EOI, and puts in the
/// standard Huffman tables where it has none. The error names what is wrong. With `skim` neither
/// what is in its tables is read, nor coded data that end in EOI, but for zeros: for cameras, of
/// whose pictures there are many, and what is wrong with them is mostly that they are cut short.
std::expected<JpegPicture, std::string_view> whole_jpeg(std::span<const std::byte> bytes,
                                                        bool skim = false);

}  // namespace sluice::video
