#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "protocols/video/frame_source.h"
#include "protocols/video/tcp_frames.h"
#include "reactor/address.h"
#include "reactor/reactor.h"

/// Streams from elsewhere, as sources. What comes in a payload is told apart: a JPEG begins with
/// FF D8, a pickle with 80, and 921,600 bytes that are neither are 640x480 bgr; encoding() is what
/// the first frame was, and a frame says its own.
namespace sluice::video {

/// What a receiver has seen, to be drawn into a window or printed at the end.
struct ReceiverCounters {
  std::uint64_t frames = 0;     ///< whole
  std::uint64_t lost = 0;       ///< frames of which something was missing
  std::uint64_t datagrams = 0;  ///< 0 over TCP
  std::uint64_t refused = 0;    ///< datagrams or payloads that were not what they should be
  std::uint64_t bytes = 0;      ///< received
};

class Receiver : public FrameSource {
 public:
  virtual ReceiverCounters counters() const = 0;
  std::uint64_t lost() const override { return counters().lost; }
  void want(bool) override {}
  /// Where it listens, or is connected to.
  virtual std::string address() const = 0;
};

/// Connects to HOST:PORT and takes the lecture's TCP frames; ends with the stream: on_end("") at a
/// FIN between two frames, else a sentence, as when nobody can be reached.
std::unique_ptr<Receiver> make_tcp_receiver(Reactor& reactor, const Address& to,
                                            std::size_t max_bytes = FrameReader::kMaxBytes);
/// Listens for the lecture's UDP chunks of one sender; another takes its place when that has been
/// silent for a second. Never ends. Bound to a group, it joins it on every interface.
std::unique_ptr<Receiver> make_udp_receiver(Reactor& reactor, const Address& at);
/// Listens for RTP; never ends. Bound to a group, it joins it (on `interface`, "" for all).
std::unique_ptr<Receiver> make_rtp_receiver(Reactor& reactor, const Address& at,
                                            std::string interface = {});

}  // namespace sluice::video
