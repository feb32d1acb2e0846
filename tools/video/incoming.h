#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocols/video/receivers.h"
#include "tools/video/commands.h"

namespace sluice::tools {

/// The stream that --tcp, --udp or --rtp names, for a sink of ours. Of a host with several
/// addresses each is tried in turn. The loop is stopped when the stream is over.
class Incoming final : private video::FrameSink {
 public:
  enum class Kind { tcp, udp, rtp };
  struct Plan {
    Kind kind = Kind::tcp;
    std::vector<Address> addresses;
  };
  /// Just one of the three options has to be there.
  static VideoOutcome<Plan> plan(const Arguments& arguments);

  /// Both outlive it.
  Incoming(Reactor& reactor, Plan plan, video::FrameSink& sink);
  ~Incoming() override;

  VideoOutcome<void> start();

  /// `udp listening on 127.0.0.1:9001`; "" for what connects.
  std::string listening() const;
  video::ReceiverCounters counters() const;
  /// Of TCP: it is over; why, if not in good order.
  bool ended() const { return ended_; }
  const VideoFailure& failure() const { return failure_; }

 private:
  std::unique_ptr<video::Receiver> make(const Address& address) const;
  bool next();

  void on_frame(const video::Frame& frame) noexcept override;
  void on_end(std::string_view trouble) noexcept override;

  Reactor* reactor_;
  Plan plan_;
  video::FrameSink* sink_;
  std::unique_ptr<video::Receiver> receiver_;
  std::size_t tried_ = 0;  // addresses
  bool ended_ = false;
  VideoFailure failure_;
};

}  // namespace sluice::tools
