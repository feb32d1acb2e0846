#pragma once

#include <memory>

#include "tools/video/converter.h"

namespace sluice::tools {

/// One source, and a hub for each form in which somebody wants its pictures, made when it is first
/// asked for. What the source gives already is not made again:
///
///     source (jpeg, no --width) ---------------------> jpeg
///     source (jpeg) --> recoding --------------------> jpeg, rtp
///     source --> decoding --> resizing --> bgr --> encoding --> jpeg, rtp
///                        `--> fitting --> chunks
///
/// Not movable. Who is a sink of one of its hubs leaves before it dies.
class Hubs {
 public:
  struct Options {
    std::uint32_t width = 0;  ///< pixels; 0: as the source has it
    int quality = 80;         ///< 1..100
    bool for_rtp = false;     ///< somebody is going to ask for rtp()
  };

  Hubs(Reactor& reactor, std::unique_ptr<video::FrameSource> source, Options options);
  Hubs(const Hubs&) = delete;
  Hubs& operator=(const Hubs&) = delete;

  /// Before all else.
  Started start() { return hub_.start(); }

  video::FrameHub& source() { return hub_; }
  video::FrameHub& jpeg();    ///< as wide as asked for
  video::FrameHub& bgr();     ///< the same as pixels
  video::FrameHub& chunks();  ///< 640x480 pixels
  video::FrameHub& rtp();     ///< JPEGs that RTP can carry

 private:
  struct Stage {
    Stage(Reactor& reactor, video::FrameHub& from, video::Encoding to, Converter::Step step)
        : converter(from, to, std::move(step)), hub(reactor, converter) {
      (void)hub.start();
    }
    Converter converter;
    video::FrameHub hub;
  };
  using Slot = std::unique_ptr<Stage>;

  video::FrameHub& decoded();
  video::FrameHub& make(Slot& slot, video::FrameHub& from, video::Encoding to,
                        Converter::Step step);

  Reactor* reactor_;
  Options options_;
  std::unique_ptr<video::FrameSource> source_;
  video::FrameHub hub_;
  // In the order in which they stand upon one another: the last one dies first.
  Slot decoded_, bgr_, chunks_, jpeg_, rtp_;
};

}  // namespace sluice::tools
