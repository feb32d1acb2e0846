#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/video/frame_hub.h"
#include "protocols/video/pacing.h"
#include "protocols/video/rtp_jpeg.h"
#include "protocols/video/udp_chunks.h"
#include "reactor/datagram.h"

namespace sluice::video {

struct SenderCounters {
  std::uint64_t frames = 0;   ///< sent as a whole
  std::uint64_t skipped = 0;  ///< frames for which there was no room, or that did not fit
  std::uint64_t datagrams = 0;
  std::uint64_t bytes = 0;
};

/// Sends each frame of a hub of 640x480 bgr as 20 datagrams. Joins the hub at start(), leaves when
/// destroyed. One frame is under way, see Pacing; what comes meanwhile is skipped. An ICMP error
/// (nobody listens) is logged once and sending goes on.
class UdpFrameSender final : public FrameSink, private DatagramHandler {
 public:
  UdpFrameSender(FrameHub& hub, const Address& to);
  ~UdpFrameSender() override;
  Started start();
  const SenderCounters& counters() const { return counters_; }

  void on_frame(const Frame& frame) noexcept override;

 private:
  void on_datagrams(Datagram& socket, std::span<const Received> batch) noexcept override;
  void on_writable(Datagram& socket) noexcept override;
  void on_error(Datagram& socket, const Address& peer, Error error) noexcept override;
  void go_on();
  void give_up(Error error);
  void tell(Error error);

  FrameHub* hub_;
  Address to_;
  Datagram socket_;
  std::vector<std::byte> datagram_;
  Frame current_;
  std::size_t next_ = chunks::kCount;  // chunk of the current frame
  Pacing pacing_;
  Timer timer_;
  bool told_ = false;
  SenderCounters counters_;
};

/// Sends each frame of a hub of jpeg by RTP, to one host or a group (time to live 1 unless told).
/// Sends RTCP sender reports to the next port every 5 s, as receivers expect (RFC 3550,
/// section 6.4), and BYE at the end. Frames that RTP cannot carry are skipped, and the log says
/// why.
class RtpSender final : public FrameSink, private DatagramHandler {
 public:
  struct Options {
    Address to;
    int ttl = 1;
    std::string interface = {};  ///< for a group
  };
  RtpSender(FrameHub& hub, Options options);
  ~RtpSender() override;
  Started start();
  const SenderCounters& counters() const { return counters_; }
  /// What to write into the SDP file.
  std::string description() const;

  void on_frame(const Frame& frame) noexcept override;

 private:
  void on_datagrams(Datagram& socket, std::span<const Received> batch) noexcept override;
  void on_writable(Datagram& socket) noexcept override;
  void on_error(Datagram& socket, const Address& peer, Error error) noexcept override;

  std::uint32_t timestamp_of(const Frame& frame);
  void go_on();
  void report(bool leaving);
  void tell(Error error);

  FrameHub* hub_;
  Options options_;
  Datagram socket_, control_;  // RTP and RTCP
  RtpPacketizer packetizer_;
  std::span<const std::byte> left_;  // of the frame under way, in the packetizer
  std::size_t bursts_ = 1;           // that it takes
  std::uint32_t first_timestamp_;    // random (RFC 3550, section 5.1)
  std::uint32_t timestamp_ = 0;      // of the latest frame
  std::uint32_t payload_bytes_ = 0;
  Pacing pacing_;
  Timer next_burst_, next_report_;
  std::string_view refused_;  // why the latest frame that did not fit did not
  bool told_ = false;
  SenderCounters counters_;
};

}  // namespace sluice::video
