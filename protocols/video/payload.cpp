#include "protocols/video/payload.h"

#include "protocols/video/jpeg.h"
#include "protocols/video/pickle.h"
#include "protocols/video/udp_chunks.h"

namespace sluice::video {

std::expected<Frame, std::string_view> read_payload(std::span<const std::byte> payload) {
  const auto begins_with = [payload](std::size_t at, int code) {
    return payload.size() > at && payload[at] == static_cast<std::byte>(code);
  };
  if (begins_with(0, 0xFF) && begins_with(1, 0xD8)) {
    if (auto jpeg = whole_jpeg(payload)) {
      return Frame{.bytes = std::move(jpeg->bytes), .width = jpeg->width, .height = jpeg->height};
    } else if (payload.size() != chunks::kFrameBytes) {
      return std::unexpected(jpeg.error());
    }
  } else if (begins_with(0, 0x80)) {
    if (const auto pickled = read_pickle(payload)) {
      return Frame{.bytes = SharedBytes(pickled->bgr),
                   .encoding = Encoding::bgr,
                   .width = pickled->width,
                   .height = pickled->height};
    } else if (payload.size() != chunks::kFrameBytes) {
      return std::unexpected(pickled.error());
    }
  }
  // Pixels begin with anything.
  if (payload.size() == chunks::kFrameBytes) {
    return Frame{.bytes = SharedBytes(payload),
                 .encoding = Encoding::bgr,
                 .width = chunks::kWidth,
                 .height = chunks::kHeight};
  }
  return std::unexpected("neither a JPEG nor a pickle, nor 640x480 pixels");
}

}  // namespace sluice::video
