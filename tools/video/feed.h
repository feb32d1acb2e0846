#pragma once

#include <memory>
#include <optional>
#include <string>

#include "protocols/video/senders.h"
#include "protocols/video/sources.h"
#include "tools/video/commands.h"
#include "tools/video/hubs.h"

namespace sluice::tools {

/// What --source, --width, --fps, --quality, --udp, --rtp and --sdp ask for, which serve and send
/// have in common: a source, and those who send its pictures to one address each.
class Feed {
 public:
  struct Plan {
    std::string source;
    video::SourceOptions source_options;
    Hubs::Options hubs;
    std::optional<Address> udp, rtp;
    std::string description;  ///< the file for it; "" for none

    /// Whether somebody takes JPEGs: where nobody does, who can give pixels need not make any.
    void expect(bool jpegs);
  };
  static VideoOutcome<Plan> plan(const Arguments& arguments);

  Feed(Reactor& reactor, Plan plan);
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  /// Opens the source; from then on there are hubs.
  VideoOutcome<void> open();
  Hubs& hubs() { return *hubs_; }
  /// Begins to send, where that was asked for, and writes the description.
  VideoOutcome<void> start();

  /// `udp sending to 127.0.0.1:9001`, a line each.
  std::string lines() const;
  const video::UdpFrameSender* udp() const { return udp_.get(); }
  const video::RtpSender* rtp() const { return rtp_.get(); }

 private:
  VideoOutcome<void> write_description() const;

  Reactor* reactor_;
  Plan plan_;
  std::unique_ptr<Hubs> hubs_;
  std::unique_ptr<video::UdpFrameSender> udp_;
  std::unique_ptr<video::RtpSender> rtp_;
};

}  // namespace sluice::tools
