#pragma once

#include <cstdint>

/// Which blocks go when: the numbers of RFC 1350 with the windows of RFC 7440 (window 1 is
/// lockstep). No sockets, no clock. Blocks are counted from 1 in 64 bits; only the wire has 16 of
/// them.
namespace sluice::tftp {

/// No more than this should be agreed on, though RFC 7440 knows windows up to 65535: the 16 bits of
/// the wire tell a new block from an old one only as long as both lie within half of their range.
/// Both halves below take a larger window as this one.
inline constexpr std::uint16_t kMaxWindow = 32767;

/// What stands for block `number` on the wire. After 65535 comes `rollover`, 0 or 1.
std::uint16_t wire_number(std::uint64_t number, std::uint16_t rollover);

/// The sender's half. An acknowledgement that tells nothing new is never answered by a block, which
/// would double every later one: the Sorcerer's Apprentice (RFC 1123, section 4.2.3.1).
///
/// With windows the sorcerer has a second trick: an acknowledgement of the middle of a window
/// starts the window behind it while the rest of the first is still under way, and if that rest,
/// too, is acknowledged, two rows of windows run side by side for ever. So an acknowledgement of
/// blocks that were sent twice has only a few tries to start a window within another, until one of
/// a block that was sent once tells that the rows have met.
class SendWindow {
 public:
  SendWindow(std::uint16_t window, std::uint16_t rollover);

  /// Blocks to send now, `count` of them from `first` on; none when `count` is 0. It may go beyond
  /// the last block: who sends knows where the contents end, and calls set_last().
  struct Blocks {
    std::uint64_t first = 1;
    std::uint32_t count = 0;
  };

  Blocks begin();
  /// An acknowledgement. One of the middle of a window tells of a loss: it goes on behind it.
  /// For a window over 1, the same acknowledgement again tells of a loss, too, once a window.
  Blocks on_ack(std::uint16_t block);
  /// Nothing came for the time of a round trip: all that is not acknowledged again.
  Blocks on_timeout();

  /// `block` is the last one: shorter than the rest, perhaps empty.
  void set_last(std::uint64_t block) { last_ = block; }
  bool done() const { return last_ != 0 && acked_ == last_; }
  std::uint64_t acked() const { return acked_; }
  /// Whether the acknowledgement of the last on_ack() was for a block sent once only, so that the
  /// time since its window was sent is that of a round trip (Karn's algorithm, RFC 6298 section 3).
  bool measures() const { return measures_; }

 private:
  Blocks window_behind_acked();
  std::uint64_t highest() const;

  std::uint16_t window_, rollover_;
  std::uint64_t acked_ = 0;
  std::uint64_t sent_ = 0;    // the highest block of the current window
  std::uint64_t resent_ = 0;  // the highest block that was sent more than once
  std::uint64_t last_ = 0;    // 0: not known
  unsigned doubts_ = 0;       // windows begun within another on a doubtful sign, in a row
  bool measures_ = false;
};

/// The receiver's half. It acknowledges each window, its first gap at once, and what was
/// acknowledged already when it comes again up to its end, as then that was lost.
class ReceiveWindow {
 public:
  ReceiveWindow(std::uint16_t window, std::uint16_t rollover);

  struct Verdict {
    bool take = false;  ///< the contents are the next ones
    bool ack = false;   ///< send an acknowledgement of received()
  };
  /// `last`: the block is shorter than the others.
  Verdict on_data(std::uint16_t block, bool last);
  /// Nothing came for too long: acknowledge received() again, so that the sender goes on there.
  void on_timeout();

  std::uint64_t received() const { return received_; }
  bool done() const { return done_; }

 private:
  Verdict on_next(bool last);
  Verdict on_gap(std::uint64_t number);
  Verdict on_old(std::uint64_t number);
  Verdict acknowledged(bool take);

  std::uint16_t window_, rollover_;
  std::uint64_t received_ = 0;
  std::uint64_t acked_ = 0;  // received_ when it was last acknowledged
  std::uint64_t ahead_ = 0;  // the block behind a gap that came last, 0: none since received_
  bool unheard_ = false;     // what was acknowledged came again
  bool done_ = false;
};

}  // namespace sluice::tftp
