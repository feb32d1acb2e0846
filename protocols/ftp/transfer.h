#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "protocols/ftp/source.h"
#include "protocols/ftp/upload.h"
#include "reactor/stream.h"

namespace sluice::ftp {

/// How a transfer ended.
struct Outcome {
  enum class End {
    whole,
    broken,  ///< the data connection: reset, stalled
    failed,  ///< on our side: the disk is full, a file became shorter
  };
  End end = End::whole;
  Error error;  ///< none when whole
};

/// One data connection and what goes over it, from the moment it stands. A FIN after an upload
/// means that it is whole, a reset that it is not. Not movable; to be destroyed by Reactor::retire.
class Transfer final : public StreamHandler {
 public:
  /// A file as it is, bytes that are made on the way, or a file that comes in.
  using Job = std::variant<FileRange, std::unique_ptr<Source>, Upload>;
  using OnEnd = Function<void(Outcome)>;

  struct Options {
    Stream::Options stream;
    bool sync = false;
  };
  /// `options` must outlive it.
  Transfer(Reactor& reactor, const Options& options, Job job, OnEnd on_end);

  /// An upload that ends by FIN is whole only if `holds` says so: a client that is killed ends all
  /// its connections by FIN.
  void whole_only_if(Function<bool()> holds) { holds_ = std::move(holds); }
  /// Calls `on_end` once: from inside, or later.
  void start(Fd socket);
  /// Ends the data connection by a reset; no call follows.
  void abort();

  /// Bytes that went over the data connection so far.
  std::uint64_t bytes() const;
  /// How many there will be, where that is known.
  std::optional<std::uint64_t> size() const { return size_; }
  /// Null of anything else.
  Upload* upload() { return std::get_if<Upload>(&job_); }

  void on_data(Stream& stream, std::span<const std::byte> bytes) noexcept override;
  void on_eof(Stream& stream) noexcept override;
  void on_drained(Stream& stream) noexcept override;
  void on_closed(Stream& stream, Error error) noexcept override;

 private:
  bool send_at_once(int socket, FileRange& range);
  void take(std::span<const std::byte> bytes);
  void end(Outcome outcome);

  Reactor* reactor_;
  const Options* options_;
  Job job_;
  OnEnd on_end_;
  Function<bool()> holds_;
  std::optional<std::uint64_t> size_;
  std::uint64_t moved_ = 0;        // received, or given to the socket or the Stream
  Error refused_;                  // why nothing more of an upload is stored
  std::uint64_t passed_over_ = 0;  // bytes since then
  std::optional<Stream> stream_;
  std::optional<SourcePump> pump_;
};

}  // namespace sluice::ftp
