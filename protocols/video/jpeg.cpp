#include "protocols/video/jpeg.h"

#include <cstring>

#include "protocols/video/jpeg_markers.h"

namespace sluice::video {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::string_view kCutShort = "it is cut short";

std::uint8_t byte_at(Bytes bytes, std::size_t at) {
  return std::to_integer<std::uint8_t>(bytes[at]);
}

std::uint16_t word_at(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

/// The table at the beginning of `bytes`, as a DHT segment has it; empty when it is not whole.
Bytes huffman_table(Bytes bytes) {
  if (bytes.size() < 17) return {};
  std::size_t size = 17;
  for (std::size_t i = 1; i < 17; ++i) size += byte_at(bytes, i);
  return size <= bytes.size() ? bytes.first(size) : Bytes();
}

bool is_standard(Bytes table) {
  for (Bytes left = standard_huffman_tables().subspan(4); !left.empty();) {
    const Bytes known = huffman_table(left);
    if (known[0] == table[0]) {
      return known.size() == table.size() &&
             std::memcmp(known.data(), table.data(), known.size()) == 0;
    }
    left = left.subspan(known.size());
  }
  return false;
}

constexpr std::size_t kBlock = 256;

/// Whether one of kBlock bytes is the first of a marker that ends a scan, or may be; looks at one
/// more. Without branches, so that the compiler makes vectors of it: pictures are full of FF 00,
/// and stopping at each takes four times as long.
bool may_end(const std::byte* bytes) {
  std::uint8_t found = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const auto first = std::to_integer<std::uint8_t>(bytes[i]);
    const auto code = std::to_integer<std::uint8_t>(bytes[i + 1]);
    found |= static_cast<std::uint8_t>((first == 0xff) & (code != 0) & ((code & 0xf8) != 0xd0));
  }
  return found != 0;
}

class HeadReader {
 public:
  enum class Care : std::uint8_t {
    all,    ///< every field is filled in
    check,  ///< whether tables are those of annex K.3 is not looked at
    skim,   ///< nor what is in them, nor coded data that end in EOI
  };
  HeadReader(Bytes bytes, Care care, JpegHead& head)
      : bytes_(bytes),
        care_(care),
        believe_end_(care == Care::skim && ends_as_one(bytes)),
        head_(head) {}

  /// What is wrong, or "".
  std::string_view read() {
    head_.standard_huffman = care_ == Care::all;
    if (read_start()) {
      while (head_.end == 0 && read_marker()) {
      }
    }
    return why_;
  }

 private:
  [[gnu::cold]] bool wrong(std::string_view why) {
    why_ = why;
    return false;
  }

  bool read_start() {
    if (bytes_.size() < 4) return wrong(kCutShort);
    if (word_at(bytes_, 0) != 0xff00 + marker::kStart) return wrong("it does not begin as a JPEG");
    at_ = 2;
    return true;
  }

  bool read_marker() {
    if (at_ < bytes_.size() && byte_at(bytes_, at_) != 0xff) return wrong("a marker is missing");
    while (at_ < bytes_.size() && byte_at(bytes_, at_) == 0xff) ++at_;
    if (at_ >= bytes_.size()) return wrong(kCutShort);
    const std::uint8_t code = byte_at(bytes_, at_++);
    if (code == marker::kTemporary) return true;
    if (code == marker::kStart) return wrong("another one begins in it");
    if (code == marker::kData || marker::is_restart(code)) return wrong("a marker is out of place");
    if (code == marker::kEnd) {
      if (head_.scans == 0) return wrong("there is no picture in it");
      head_.end = at_;
      return true;
    }
    if (bytes_.size() - at_ < 2) return wrong(kCutShort);
    const std::size_t size = word_at(bytes_, at_);
    if (size < 2) return wrong("a segment has no length");
    if (size > bytes_.size() - at_) return wrong(kCutShort);
    const Bytes segment = bytes_.subspan(at_ + 2, size - 2);
    at_ += size;
    if (code == marker::kScan && head_.scans == 0) {
      head_.frame_at = at_ - size - 2;
    }
    return read_segment(code, segment);
  }

  bool read_segment(std::uint8_t code, Bytes segment) {
    if (marker::is_frame(code)) return read_frame(code, segment);
    switch (code) {
      case marker::kScan:
        return read_scan(segment);
      case marker::kQuantizationTables:
        return read_quantization(segment);
      case marker::kHuffmanTables:
        return read_huffman(segment);
      case marker::kRestartInterval:
        if (segment.size() != 2) return wrong("its restart interval is wrong");
        head_.restart_interval = word_at(segment, 0);
        return true;
      default:
        return true;
    }
  }

  bool read_frame(std::uint8_t code, Bytes segment) {
    if (head_.frame_marker != 0) return wrong("it has two heads");
    if (segment.size() < 6) return wrong("its head is cut short");
    head_.frame_marker = code;
    head_.precision = byte_at(segment, 0);
    head_.height = word_at(segment, 1);
    head_.width = word_at(segment, 3);
    if (head_.width == 0 || head_.height == 0) return wrong("it has no size");
    const std::size_t count = byte_at(segment, 5);
    if (count == 0 || count > 4 || segment.size() != 6 + 3 * count) {
      return wrong("its components are wrong");
    }
    return care_ == Care::skim || read_components(segment.subspan(6));
  }

  bool read_components(Bytes segment) {
    for (std::size_t at = 0; at < segment.size(); at += 3) {
      const std::uint8_t sampling = byte_at(segment, at + 1);
      const JpegHead::Component component{
          byte_at(segment, at), static_cast<std::uint8_t>(sampling >> 4),
          static_cast<std::uint8_t>(sampling & 15), byte_at(segment, at + 2)};
      if (component.horizontal < 1 || component.horizontal > 4 || component.vertical < 1 ||
          component.vertical > 4 || component.table > 3) {
        return wrong("its components are wrong");
      }
      head_.components.push_back(component);
    }
    return true;
  }

  bool read_quantization(Bytes segment) {
    if (care_ == Care::skim) return true;
    while (!segment.empty()) {
      const std::uint8_t kind = byte_at(segment, 0);
      const std::size_t size = (kind >> 4) != 0 ? 128 : 64;
      if ((kind >> 4) > 1 || (kind & 15) > 3 || segment.size() < 1 + size) {
        return wrong("its quantization tables are wrong");
      }
      head_.quantization[kind & 15] = segment.subspan(1, size);
      segment = segment.subspan(1 + size);
    }
    return true;
  }

  bool read_huffman(Bytes segment) {
    head_.huffman = head_.huffman || !segment.empty();
    if (care_ == Care::skim) return true;
    while (!segment.empty()) {
      const Bytes table = huffman_table(segment);
      if (table.empty() || table.size() > 17 + 256 || (byte_at(table, 0) & 0xec) != 0) {
        return wrong("its Huffman tables are wrong");
      }
      head_.standard_huffman = head_.standard_huffman && is_standard(table);
      segment = segment.subspan(table.size());
    }
    return true;
  }

  bool read_scan(Bytes segment) {
    if (head_.frame_marker == 0) return wrong("it has no head");
    if (segment.empty() || segment.size() != 4 + std::size_t{2} * byte_at(segment, 0)) {
      return wrong("its scan is wrong");
    }
    if (head_.scans++ == 0) head_.scan_at = at_;
    if (believe_end_ && at_ <= bytes_.size() - 2) {
      at_ = bytes_.size() - 2;
      return true;
    }
    while (true) {
      while (bytes_.size() - at_ > kBlock && !may_end(bytes_.data() + at_)) at_ += kBlock;
      const void* found = std::memchr(bytes_.data() + at_, 0xff, bytes_.size() - at_);
      if (found == nullptr) return wrong(kCutShort);
      const auto mark =
          static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes_.data());
      std::size_t code = mark;
      while (code < bytes_.size() && byte_at(bytes_, code) == 0xff) ++code;
      if (code == bytes_.size()) return wrong(kCutShort);
      at_ = code + 1;
      if (byte_at(bytes_, code) == marker::kData || marker::is_restart(byte_at(bytes_, code))) {
        continue;
      }
      at_ = mark;
      return true;
    }
  }

  static bool ends_as_one(Bytes bytes) {
    return bytes.size() >= 2 && word_at(bytes, bytes.size() - 2) == 0xff00 + marker::kEnd;
  }

  Bytes bytes_;
  Care care_;
  bool believe_end_;
  std::size_t at_ = 0;
  JpegHead& head_;
  std::string_view why_;
};

SharedBytes with_standard_tables(Bytes bytes, std::size_t at) {
  const Bytes tables = standard_huffman_tables();
  std::vector<std::byte> whole;
  whole.reserve(bytes.size() + tables.size());
  for (const Bytes part : {bytes.first(at), tables, bytes.subspan(at)}) {
    whole.insert(whole.end(), part.begin(), part.end());
  }
  return SharedBytes(whole);
}

}  // namespace

std::expected<JpegHead, std::string_view> read_jpeg(std::span<const std::byte> bytes) {
  JpegHead head;
  if (const auto why = HeadReader(bytes, HeadReader::Care::all, head).read(); !why.empty()) {
    return std::unexpected(why);
  }
  return head;
}

std::expected<JpegPicture, std::string_view> whole_jpeg(std::span<const std::byte> bytes,
                                                        bool skim) {
  if (skim) {
    while (!bytes.empty() && bytes.back() == std::byte{0}) bytes = bytes.first(bytes.size() - 1);
  }
  const auto care = skim ? HeadReader::Care::skim : HeadReader::Care::check;
  JpegHead head;
  std::string_view why = HeadReader(bytes, care, head).read();
  if (why.empty() && head.frame_marker > marker::kProgressive) why = "its coding is not in use";
  if (!why.empty()) return std::unexpected(why);
  bytes = bytes.first(head.end);
  if (head.huffman) return JpegPicture{SharedBytes(bytes), head.width, head.height};
  return JpegPicture{with_standard_tables(bytes, head.frame_at), head.width, head.height};
}

}  // namespace sluice::video
