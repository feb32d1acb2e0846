#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocols/ftp/client_transfer.h"
#include "reactor/stream.h"

namespace sluice::ftp {

/// A Client's data connection and what goes over it. Not movable; to be destroyed by
/// Reactor::retire.
class ClientData final : public StreamHandler {
 public:
  enum class End : std::uint8_t {
    whole,   ///< the server's FIN has come, or all was given to the kernel with our FIN behind it
    broken,  ///< reset or stalled
    local,   ///< the sink or the content failed
  };
  /// Once; from inside receive() and send() too. After whole of an upload broken may follow.
  using OnEnd = Function<void(End, Error)>;

  /// `options` outlive it.
  ClientData(Reactor& reactor, const Stream::Options& options, OnEnd on_end)
      : reactor_(&reactor), options_(&options), on_end_(std::move(on_end)) {}

  /// Gives `sink`, which outlives it, all that comes; with `ascii`, CR LF as LF.
  void receive(Fd socket, ByteSink& sink, bool ascii);
  void send(Fd socket, Content content);
  /// Ends the connection by a reset; no call follows.
  void abort();

  std::uint64_t bytes() const;
  /// Of an upload that was given to the kernel: whether the server has taken any of it since the
  /// last call.
  bool arriving();

  void on_data(Stream& stream, std::span<const std::byte> bytes) noexcept override;
  void on_eof(Stream& stream) noexcept override;
  void on_drained(Stream& stream) noexcept override;
  void on_closed(Stream& stream, Error error) noexcept override;

 private:
  Result<void> keep(std::span<const std::byte> bytes);
  void sent_all();
  void end(End how, Error error = {});

  Reactor* reactor_;
  const Stream::Options* options_;
  OnEnd on_end_;
  ByteSink* sink_ = nullptr;  // of a download
  std::optional<FromNetwork> text_;
  std::vector<std::byte> converted_;
  std::uint64_t moved_ = 0;  // received, or given to the Stream
  int on_its_way_ = 0;       // what the server's kernel had not taken when last looked at
  std::optional<Stream> stream_;
  std::optional<SourcePump> pump_;
};

}  // namespace sluice::ftp
