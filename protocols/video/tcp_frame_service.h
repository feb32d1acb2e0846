#pragma once

#include <memory>
#include <string_view>

#include "protocols/tcp_service.h"
#include "protocols/video/frame_hub.h"

namespace sluice::video {

/// Sends the frames of a hub to everyone who connects, in the lecture's TCP format: jpeg as it is,
/// bgr as a pickle. What viewers send is thrown away. A viewer that takes nothing for
/// limits::kStallTimeout is ended; when the hub has ended, or at drain(), each gets the frame that
/// it is in the middle of, and FIN.
class TcpFrameService final : public TcpService {
 public:
  struct Options {
    Address address = {};
    std::size_t max_clients = 1'000;
    std::string_view name = "video";
  };

  /// `hub` must outlive it.
  TcpFrameService(Reactor& reactor, FrameHub& hub, Options options);

  std::string_view name() const override { return video_options_.name; }
  FrameHub& hub() const { return *hub_; }
  std::uint64_t frames_sent = 0, frames_skipped = 0;  ///< of all viewers, also those now here

 protected:
  std::unique_ptr<Session> make_session(Fd socket, const Address& peer) override;

 private:
  FrameHub* hub_;
  Options video_options_;
};

}  // namespace sluice::video
