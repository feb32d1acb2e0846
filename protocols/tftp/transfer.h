#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "protocols/tftp/block_buffer.h"
#include "protocols/tftp/ended.h"
#include "protocols/tftp/packet.h"
#include "protocols/tftp/round_trip.h"
#include "protocols/tftp/source.h"
#include "protocols/tftp/terms.h"
#include "protocols/tftp/window.h"
#include "reactor/callback.h"
#include "reactor/datagram.h"
#include "reactor/reactor.h"

namespace sluice::tftp {

/// The traffic of one transfer, on a socket of its own: what server and client have in common.
/// Made by a TftpService for each request, and by a Client.
///
///     opening ──▶ running ──▶ dallying ──▶ over
///        └───────────┴─────────────────────▲
///
/// opening: what begins it, a request, an option acknowledgement or an acknowledgement of block 0,
/// is sent until the peer goes on. dallying: a receiver has it whole, and stays to acknowledge the
/// last block again should the sender have missed that.
///
/// The first packet from `peer`'s host fixes the peer's transfer id (its port) for one that asks; a
/// server knows it already. What comes from elsewhere is answered by error 5 and changes nothing
/// (RFC 1350 section 4).
///
/// Not movable. Destroy it by Reactor::retire; the peer is told nothing then.
class Transfer final : private DatagramHandler {
 public:
  enum class State : std::uint8_t { opening, running, dallying, over };

  /// How long a receiver dallies after the sender was last heard: as long as that tries on when it
  /// hears nothing (Options::patience; others send again every 1 to 6 s), as the way may lose
  /// several tries in a row.
  static constexpr Duration kDally = std::chrono::seconds(25);

  /// From the options that the peer acknowledged, none when it knows no options, to the terms;
  /// nothing when it acknowledged what nobody asked for.
  using Accept = Function<std::optional<Terms>(const tftp::Options&)>;

  struct Options {
    Address local{};  ///< bound there; its port is to be 0
    Address peer{};   ///< with its transfer id, or where the request goes
    Terms most{};     ///< that may be agreed on
    Accept accept{};  ///< for one that asks
    Duration patience = std::chrono::seconds(25);  ///< without anything new before it is given up
  };
  /// When it has ended, and again when it has dallied enough. Never from inside a call.
  using OnEnd = Function<void(Transfer&)>;

  /// `source` or `sink` outlives it, or at least its running.
  Transfer(Reactor& reactor, Options options, Source& source, OnEnd on_end);
  Transfer(Reactor& reactor, Options options, Sink& sink, OnEnd on_end);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Opens the socket, with room to receive a window if the kernel grants it.
  Result<void> open();
  std::size_t receive_room() const { return socket_.receive_buffer(); }
  /// Once it is open: sends `opening`, or the first blocks when that is empty.
  Result<void> begin(const Terms& terms, std::vector<std::byte> opening);
  /// Ends it; the peer is told why. Does nothing to one that has ended.
  void abort(ErrorCode code, std::string_view text);

  State state() const { return state_; }
  bool has_ended() const { return state_ >= State::dallying; }
  /// Once it has ended.
  const Ended& ended() const { return ended_; }
  std::uint64_t bytes() const;
  const Terms& terms() const { return terms_; }
  const Address& peer() const { return options_.peer; }
  /// Since when nothing new has come from the peer; whether anything ever has.
  Duration quiet() const { return reactor_->now() - progress_at_; }
  bool answered() const { return answered_; }

 private:
  /// The blocks that are to go out now, of a sender.
  struct Sending {
    BlockBuffer buffer;
    SendWindow window;
    std::uint64_t next = 1, until = 1;  // [next, until) are to be sent
    std::uint64_t highest = 0;          // of those sent so far
    std::uint64_t old = 0;              // those above were first sent at `since`, or after it
    TimePoint since{};
  };

  void on_datagrams(Datagram& socket, std::span<const Received> batch) noexcept override;
  void on_writable(Datagram& socket) noexcept override;
  void on_error(Datagram& socket, const Address& peer, Error error) noexcept override;

  void take(std::span<const std::byte> bytes, const Received& received);
  void take_packet(const Packet& packet);
  void take_error(const Failed& failed);
  void take_options(const OptionAck& acknowledged);
  bool agree(const tftp::Options& acknowledged);
  void answer_stranger(std::span<const std::byte> bytes, const Address& from);

  void begin_sending();
  void take_ack(std::uint16_t block);
  Duration age_of(std::uint64_t block);
  void send_blocks(SendWindow::Blocks blocks);
  void pump();
  bool read_blocks();
  bool send_some();

  void take_data(const Data& data);
  bool is_echo(std::uint16_t block) const;
  bool gather(std::span<const std::byte> bytes);
  bool flush();
  void send_ack();

  void send_opening();
  void send_error(ErrorCode code, std::string_view text);
  void fail_locally(Error error);
  void nonsense(std::string_view text);
  void end(Ended::Kind kind);
  void progress(Duration at_most = Duration::max());
  void await_answer();
  void arm(TimePoint when);
  void on_timer();
  void on_silence();
  void peer_has_gone();

  Reactor* reactor_;
  Options options_;
  Source* source_ = nullptr;
  Sink* sink_ = nullptr;
  OnEnd on_end_;
  Datagram socket_;
  State state_ = State::opening;
  Terms terms_;
  bool awaits_id_ = false;  // the peer's transfer id is not known yet
  bool answered_ = false;
  bool peer_gone_ = false;
  bool waited_a_turn_ = false;  // since then
  bool told_ = false;           // on_end_ was called
  bool more_ = false;           // something is left to be done in the next turn
  bool timed_ = false;          // the answer to what was sent last tells the round trip
  std::vector<std::byte> opening_;
  std::optional<Sending> sending_;
  std::optional<ReceiveWindow> receiving_;
  std::vector<std::byte> gathered_;  // received and not written yet
  std::vector<std::byte> packet_;    // a small one that goes out
  std::uint64_t bytes_ = 0;          // received
  RoundTrip round_trip_;
  TimePoint sent_at_{}, progress_at_{}, due_{};
  TimePoint armed_for_ = TimePoint::max();
  Timer timer_;
  Error trouble_;  // of the way to the peer, met last
  Ended ended_;
};

}  // namespace sluice::tftp
