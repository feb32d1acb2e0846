#include "tools/video/hubs.h"

namespace sluice::tools {

using video::Encoding;
using video::FrameHub;

Hubs::Hubs(Reactor& reactor, std::unique_ptr<video::FrameSource> source, Options options)
    : reactor_(&reactor), options_(options), source_(std::move(source)), hub_(reactor, *source_) {}

FrameHub& Hubs::make(Slot& slot, FrameHub& from, Encoding to, Converter::Step step) {
  if (!slot) slot = std::make_unique<Stage>(*reactor_, from, to, std::move(step));
  return slot->hub;
}

FrameHub& Hubs::decoded() {
  if (hub_.encoding() == Encoding::bgr) return hub_;
  return make(decoded_, hub_, Encoding::bgr, decoding());
}

FrameHub& Hubs::bgr() {
  if (options_.width == 0 && !options_.for_rtp) return decoded();
  return make(bgr_, decoded(), Encoding::bgr, resizing(options_.width, options_.for_rtp));
}

FrameHub& Hubs::chunks() {
  return make(chunks_, decoded(), Encoding::bgr, fitting_chunks());
}

FrameHub& Hubs::jpeg() {
  if (hub_.encoding() != Encoding::jpeg) {
    return make(jpeg_, bgr(), Encoding::jpeg, encoding_jpeg(options_.quality));
  }
  if (options_.width == 0) return hub_;
  return make(jpeg_, hub_, Encoding::jpeg,
              recoding(options_.width, options_.for_rtp, options_.quality));
}

FrameHub& Hubs::rtp() {
  if (hub_.encoding() != Encoding::jpeg || options_.width != 0) return jpeg();
  return make(rtp_, hub_, Encoding::jpeg, recoding(0, true, options_.quality));
}

}  // namespace sluice::tools
