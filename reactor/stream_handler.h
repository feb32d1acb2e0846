#pragma once

#include <cstddef>
#include <span>

#include "reactor/error.h"

namespace sluice {

class Stream;

/// Who owns a Stream hears of it here. Order of calls:
///
///     start -> (on_data | on_backpressure | on_drained | [on_eof])* -> on_closed -> end
///
/// on_eof comes once and no on_data after it; after on_closed, or after abort(), nothing. on_closed
/// never comes from inside a call that the owner makes. From any of them the owner may call
/// everything of the Stream but destroy it: `Reactor::retire` the object that holds it.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;

  /// Bytes in order, at least one. They lie in the Reactor's buffer and are gone on return.
  virtual void on_data(Stream& stream, std::span<const std::byte> bytes) noexcept = 0;

  /// The peer has ended its sending (FIN); it may still read. As it stands: say no more either.
  virtual void on_eof(Stream& stream) noexcept;

  /// `true`: more than the high mark is queued, produce no more; later `false`: at or below the
  /// low mark, go on. In turns, `true` first and from inside write(); the end may come in between.
  virtual void on_backpressure(Stream& /*stream*/, bool /*on*/) noexcept {}

  /// All that was written has been given to the kernel, after some of it had to wait.
  virtual void on_drained(Stream& /*stream*/) noexcept {}

  /// The end. No error: closed as close() or FIN had it. ECONNRESET, EPIPE: the peer vanished.
  /// ETIMEDOUT: a timeout of ours, or the network's. EIO and others: a file could not be sent.
  /// ENOBUFS: the write cap.
  virtual void on_closed(Stream& stream, Error error) noexcept = 0;
};

}  // namespace sluice
