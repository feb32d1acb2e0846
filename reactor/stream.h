#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "reactor/buffer.h"
#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/limits.h"
#include "reactor/reactor.h"
#include "reactor/stream_handler.h"

namespace sluice {

/// A connected TCP or Unix stream socket, with a queue for what the peer has not taken yet.
///
/// Reads go through the Reactor's one buffer, writes go out at once and only their rest is queued:
/// an idle connection owns no memory beyond this object. Not movable: the Reactor knows it by its
/// address. Destroying it closes the socket without ceremony. Its states:
///
///     stage    open --close()--> closing --both halves ended, or patience over--> closed
///                \------- abort(), a reset, a timeout, the write cap -----------^
///     reading  flowing <--> paused --FIN read--> ended        close(): discarding --> ended
///     writing  open --shutdown_write(), close()--> finishing --queue empty, FIN sent--> finished
///                \------- a send failed --> failed
class Stream final : public IoHandler {
 public:
  /// Shared by the connections of a service, so that each need only point to it.
  struct Options {
    std::size_t high_mark = limits::kHighMark;
    std::size_t low_mark = limits::kLowMark;
    std::size_t write_cap = limits::kWriteCap;  ///< over it the connection ends with ENOBUFS
    Duration idle_timeout{};                    ///< nothing read nor sent for so long; zero: none
    /// Output waits and the peer takes nothing; zero: none, but `closing_stall` when closing.
    Duration stall_timeout{};
    Duration closing_stall = limits::kClosingStall;
  };
  static const Options kDefaults;

  /// Takes over a connected, non-blocking socket and starts reading. `handler` and `options` must
  /// outlive the Stream. When it cannot be registered, on_closed says so in this turn.
  Stream(Reactor& reactor, Fd socket, StreamHandler& handler, const Options& options = kDefaults);
  Stream(Reactor&, Fd, StreamHandler&, const Options&&) = delete;
  ~Stream() override;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Sends, in the order of the calls; what does not go out at once is queued. After close(),
  /// abort() or a failure, bytes are dropped: on_closed tells.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(as_bytes(text)); }
  void write(SharedBytes bytes);
  void write(FileRange range);

  /// Sends what the kernel takes of `pieces` at once and queues nothing: for who keeps the bytes
  /// anyway, such as a log that thousands read. Returns how many bytes went; when not all,
  /// on_drained tells that there is room again. While something is queued nothing is taken.
  std::size_t offer(std::span<const iovec> pieces);

  /// Bytes queued in memory, those of file ranges not counted.
  std::size_t queued() const { return queue_ ? queue_->bytes_in_memory() : 0; }
  /// True when nothing waits, file ranges included.
  bool drained() const { return !queue_; }
  /// Bytes that the kernel has not taken, file ranges included; after a failure or abort(), never
  /// will.
  std::uint64_t unsent() const;
  /// False once a send has failed or the writing was ended.
  bool can_write() const { return writing_ == Writing::open; }

  /// No on_data and no on_eof until resume_reading(); the peer is slowed down by TCP.
  void pause_reading();
  void resume_reading();

  /// Sends what is queued, then FIN; reading goes on. Nothing can be written any more.
  /// When both sides have ended, on_closed follows by itself.
  void shutdown_write();

  /// Sends what is queued, then FIN, then waits, bounded by limits::kLinger*, for the peer's FIN
  /// while throwing away what it sends; then on_closed. Closing at once with unread input would
  /// make the kernel send a reset, which destroys what the peer has not read yet. A peer that takes
  /// nothing for the stall timeout, or else the closing stall, ends it too.
  void close();

  /// Ends it now, by a reset when `reset`; what is queued is lost. No call follows.
  void abort(bool reset = true);

  bool open() const { return stage_ == Stage::open; }
  /// Whether the peer's FIN came before our close().
  bool ended_by_peer() const { return fin_came_first_; }
  int fd() const { return socket_.get(); }
  Reactor& reactor() const { return *reactor_; }

  void on_readable() noexcept override;
  void on_writable() noexcept override;

 private:
  enum class Stage : std::uint8_t { open, closing, closed };
  enum class Reading : std::uint8_t { flowing, paused, discarding, ended };
  enum class Writing : std::uint8_t { open, finishing, finished, failed };

  /// What only a connection with timeouts, or one about to end, needs.
  struct Extra {
    Timer timer;
    TimePoint last_sent{};  // or since when output waits
    TimePoint linger_began{};
    std::size_t discarded = 0;  // since then
    std::uint64_t lost = 0;     // was queued when sending failed
    Error error;                // to be told by on_closed
    bool finishing = false;     // the timer is set for finish()
  };

  Extra& extra();
  OutputQueue& queue();
  void start_queue_and_send();
  void begin_waiting();
  void append(std::span<const std::byte> bytes);
  void sent_short(std::span<const std::byte> bytes, ssize_t sent);
  void after_growth();
  void fail_sending(Error error);
  void drop_queue();
  void end_writing();
  void read_ended(int code);
  void discard(std::size_t size);
  void finish_soon(Error error);
  void finish(Error error);
  void update_interest();
  void on_timer();
  Duration time_left();
  Duration stall_timeout() const;
  Duration linger_left();

  Reactor* reactor_;
  StreamHandler* handler_;
  const Options* options_;
  Fd socket_;
  Stage stage_ = Stage::open;
  Reading reading_ = Reading::flowing;
  Writing writing_ = Writing::open;
  bool offers_ = false;   // not all of an offer was taken: on_drained is due
  bool pressed_ = false;  // on_backpressure(true) was the last said
  bool fin_came_first_ = false;
  Watch watch_;
  TimePoint last_progress_;
  std::unique_ptr<OutputQueue> queue_;  // only while something waits
  std::unique_ptr<Extra> extra_;
};

}  // namespace sluice
