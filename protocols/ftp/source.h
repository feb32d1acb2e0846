#pragma once

#include <cstddef>
#include <vector>

#include "reactor/error.h"
#include "reactor/stream.h"

namespace sluice::ftp {

/// Bytes that are made as they are sent: a listing, a file whose line ends are turned.
class Source {
 public:
  virtual ~Source() = default;
  enum class More : bool { no, yes };
  /// Appends about limits::kChunkBytes to `out`, or fewer, or none: one turn's worth of work.
  virtual Result<More> fill(std::vector<std::byte>& out) = 0;
};

/// Sends a Source over a Stream, a chunk a turn, and only when the last has been taken. The owner
/// of the Stream passes its on_drained() on. Not movable.
class SourcePump {
 public:
  /// Without an error: all was given to the kernel. Called from inside start() or later. The pump
  /// may be destroyed in the call.
  using OnDone = Function<void(Error)>;

  SourcePump(Stream& stream, std::unique_ptr<Source> source, OnDone done);
  SourcePump(const SourcePump&) = delete;
  SourcePump& operator=(const SourcePump&) = delete;

  void start() { turn(); }
  void on_drained() { turn(); }
  /// Makes no more; `done` is not called.
  void stop();
  std::uint64_t sent() const { return made_ - stream_->unsent(); }

 private:
  void turn();
  void end(Error error);

  Stream* stream_;
  std::unique_ptr<Source> source_;
  OnDone done_;
  std::vector<std::byte> chunk_;
  std::uint64_t made_ = 0;
  bool ended_ = false;  // the source has given all
  Timer next_turn_;
};

}  // namespace sluice::ftp
