#include "tools/video/converter.h"

#include <utility>

#include "protocols/video/jpeg.h"
#include "protocols/video/rtp_jpeg.h"
#include "protocols/video/udp_chunks.h"
#include "reactor/log.h"

namespace sluice::tools {

using video::Frame;

Converter::Converter(video::FrameHub& from, video::Encoding to, Step step)
    : from_(&from), to_(to), step_(std::move(step)) {}

Converter::~Converter() {
  want(false);
}

Started Converter::start(video::FrameSink& sink) {
  sink_ = &sink;
  return {};
}

void Converter::want(bool wanted) {
  if (std::exchange(wanted_, wanted) == wanted) return;
  if (wanted) {
    from_->add(*this);
  } else {
    from_->remove(*this);
  }
}

std::string_view Converter::trouble() const {
  return trouble_.empty() ? from_->trouble() : trouble_;
}

void Converter::on_frame(const Frame& frame) noexcept {
  auto made = step_(frame);
  if (made) {
    trouble_.clear();
    return sink_->on_frame(*made);
  }
  ++lost_;
  if (made.error() != trouble_) {
    trouble_ = std::move(made.error());
    log(LogLevel::warning, "video", name(), ": ", trouble_);
  }
}

void Converter::on_end(std::string_view trouble) noexcept {
  sink_->on_end(trouble);
}

Converter::Step decoding() {
  return [](const Frame& frame) -> Made {
    if (frame.encoding == video::Encoding::bgr) return frame;
    const Picture picture = to_bgr(frame);
    if (!picture) return std::unexpected(picture.error());
    return bgr_frame(*picture, frame);
  };
}

Converter::Step encoding_jpeg(int quality) {
  return [quality](const Frame& frame) -> Made {
    const Picture picture = to_bgr(frame);
    if (!picture) return std::unexpected(picture.error());
    return jpeg_frame(*picture, quality, frame);
  };
}

namespace {

Picture resized(const Frame& frame, std::uint32_t width, bool for_rtp) {
  Picture picture = to_bgr(frame);
  if (picture && width != 0) picture = to_width(*picture, width);
  if (picture && for_rtp) picture = to_rtp_size(*picture);
  return picture;
}

}  // namespace

Converter::Step resizing(std::uint32_t width, bool for_rtp) {
  return [width, for_rtp](const Frame& frame) -> Made {
    const Picture picture = resized(frame, width, for_rtp);
    if (!picture) return std::unexpected(picture.error());
    const bool same = static_cast<std::uint32_t>(picture->cols) == frame.width &&
                      static_cast<std::uint32_t>(picture->rows) == frame.height;
    if (same && frame.encoding == video::Encoding::bgr) return frame;
    return bgr_frame(*picture, frame);
  };
}

Converter::Step fitting_chunks() {
  return [](const Frame& frame) -> Made {
    Picture picture = to_bgr(frame);
    if (picture) {
      picture = into_size(*picture, video::chunks::kWidth, video::chunks::kHeight);
    }
    if (!picture) return std::unexpected(picture.error());
    if (frame.width == video::chunks::kWidth && frame.height == video::chunks::kHeight &&
        frame.encoding == video::Encoding::bgr) {
      return frame;
    }
    return bgr_frame(*picture, frame);
  };
}

Converter::Step recoding(std::uint32_t width, bool for_rtp, int quality) {
  return [width, for_rtp, quality](const Frame& frame) -> Made {
    const bool jpeg = frame.encoding == video::Encoding::jpeg;
    if (jpeg && (width == 0 || width == frame.width)) {
      const auto head = video::read_jpeg(frame.bytes.bytes());
      if (head && (!for_rtp || video::fits_rtp(*head))) return frame;
    }
    const Picture picture = resized(frame, width, for_rtp);
    if (!picture) return std::unexpected(picture.error());
    return jpeg_frame(*picture, quality, frame);
  };
}

}  // namespace sluice::tools
