#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "protocols/files/sha256.h"
#include "protocols/udpfile/pacer.h"
#include "protocols/udpfile/wire.h"
#include "reactor/datagram.h"

namespace sluice::udpfile {

/// Sends one file to one receiver; see wire.h.
///
///     naming ──OK──▶ sending ──all sent──▶ ending ──the last end──▶ done
///        └──────────────┴───────────────────┴──▶ failed
///
/// That it is done says that all has left, and not that any of it has arrived.
class Sender final : private DatagramHandler {
 public:
  struct Options {
    Address peer;
    std::string name;                       ///< of the file, a single component
    std::size_t datagram = kDatagramBytes;  ///< bytes of contents in one; 16 to kMaxDatagramBytes
    std::uint64_t rate = kRate;  ///< bytes a second, at least kMinRate; 0: as the kernel takes them
    Duration patience = kNamePatience;
    int tries = kNameTries;
  };
  /// Below it the pauses would come near the silence that ends a file.
  static constexpr std::uint64_t kMinRate = 64;

  enum class State { idle, naming, sending, ending, done, failed };
  enum class Failure {
    none,
    refused,      ///< nobody listens there
    unanswered,   ///< no OK came
    gone,         ///< the receiver went in the middle
    unreachable,  ///< error() says why it cannot be sent there
    unreadable,   ///< the file; error() says why
  };

  /// `file` is read from where it stands to its end.
  Sender(Reactor& reactor, Fd file, Options options);

  /// `ended` is called once it is done or failed. An error here is that of the socket.
  Result<void> start(Callback ended);

  State state() const { return state_; }
  Failure failure() const { return failure_; }
  Error error() const { return error_; }
  /// What the receiver said in place of OK, if anything.
  const std::string& other_answer() const { return other_answer_; }

  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t datagrams() const { return datagrams_; }  ///< of contents
  /// Of the contents; valid once done.
  const files::Sha256::Digest& digest() const { return digest_; }

 private:
  void on_datagrams(Datagram& socket, std::span<const Received> batch) noexcept override;
  void on_writable(Datagram& socket) noexcept override;
  void on_error(Datagram& socket, const Address& peer, Error error) noexcept override;
  void on_timer();
  void send_name();
  void send_contents();
  std::size_t affordable();
  bool refill();
  void add_piece(std::span<const std::byte> piece);
  void send_end();
  void fail_with(Failure failure, Error error = {});
  void end(State state);

  Reactor* reactor_;
  Fd file_;
  Options options_;
  Datagram socket_;
  Timer timer_;
  State state_ = State::idle;
  Failure failure_ = Failure::none;
  Error error_;
  std::string other_answer_;
  int names_sent_ = 0;
  int ends_sent_ = 0;
  std::optional<Pacer> pacer_;  // none: no bound
  std::vector<std::byte> buffer_;
  std::vector<Outgoing> pieces_;  // of the buffer
  std::size_t next_ = 0;          // of them to be sent
  std::uint64_t bytes_ = 0;
  std::uint64_t datagrams_ = 0;
  files::Sha256 hash_;
  files::Sha256::Digest digest_{};
  Callback ended_;
};

}  // namespace sluice::udpfile
