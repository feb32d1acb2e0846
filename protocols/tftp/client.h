#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "protocols/tftp/transfer.h"
#include "reactor/address.h"
#include "reactor/callback.h"
#include "reactor/reactor.h"

namespace sluice::tftp {

/// Fetches or stores one file: the client's side of RFC 1350 with options. Not movable.
///
/// It asks for blocks, a window and the size; a server that knows no options, or refuses them
/// (error 8), is asked again without.
class Client {
 public:
  struct Options {
    Address server{};
    std::string file{};
    Mode mode = Mode::octet;
    /// Nothing: as large as fits into one packet of the way there: 65464 on this machine, else
    /// 1428.
    std::optional<std::uint16_t> block_size{};
    std::uint16_t window = 16;                     ///< 1 asks for none
    std::optional<std::uint64_t> size{};           ///< of what is stored, to be told to the server
    Duration patience = std::chrono::seconds(15);  ///< without an answer before it gives up
  };
  using OnDone = Function<void(const Ended&)>;

  Client(Reactor& reactor, Options options, OnDone done);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  /// `sink` (or `source`) outlives the Client. `done` is called once, never from inside a call, and
  /// may have the Client retired. Once only, one of the two.
  void fetch(Sink& sink);
  void store(Source& source);
  /// Ends it; the server is told. `done` comes with Kind::aborted.
  void abort();

  /// Contents sent and acknowledged, or received, so far.
  std::uint64_t bytes() const;
  /// Of the file that is fetched, once the server has told it.
  std::optional<std::uint64_t> total() const;
  /// What the two agreed on, once they have.
  const Terms& terms() const;

 private:
  struct Running;
  std::unique_ptr<Running> running_;
};

}  // namespace sluice::tftp
