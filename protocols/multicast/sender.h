#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "protocols/multicast/group_spec.h"
#include "protocols/multicast/header.h"
#include "protocols/multicast/limits.h"
#include "protocols/service.h"
#include "reactor/datagram.h"

namespace sluice::multicast {

/// Sends to a group: one datagram after the other as it is told, or many alike, paced, as a probe.
/// The Reactor must outlive it. Not movable.
class Sender final : public DatagramHandler {
 public:
  struct Options {
    GroupSpec group;        ///< its source means nothing here
    int hops = 2;           ///< routers that it may pass, and one
    bool loop = true;       ///< this machine hears it, too
    bool numbered = false;  ///< a Header before what is sent
    std::size_t size = 0;   ///< shorter datagrams are filled up with dots to so many bytes
  };

  Sender(Reactor& reactor, Options options);
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  Started open();

  /// Sends one now. EAGAIN: there is no room; wait for run() to turn the loop, and try again.
  Result<void> send(std::string_view text);

  /// Sends `text` `count` times (0: until stop()), `rate` of them a second (0: as fast as they go);
  /// then calls `on_done`, not from inside. One that cannot be sent is counted and passed over.
  void run(std::string text, std::uint64_t count, double rate, Callback on_done);
  void stop();

  std::uint64_t sent() const { return sent_ - failed(); }
  std::uint64_t failed() const { return failed_ + socket_.failed_sends(); }
  /// Why the last one that could not be sent could not.
  const Error& error() const { return error_; }

 private:
  void on_datagrams(Datagram&, std::span<const Received>) noexcept override {}
  void on_writable(Datagram&) noexcept override;

  void set_interface();
  void write_datagram(std::span<std::byte> out, std::string_view text);
  std::size_t size_of(std::string_view text) const;
  void send_due();
  std::uint64_t due() const;
  std::size_t send_some(std::size_t count);

  Reactor* reactor_;
  Options options_;
  Datagram socket_;
  std::uint32_t stream_ = 0, sequence_ = 0;
  std::uint64_t sent_ = 0, failed_ = 0;
  Error error_;

  std::string text_;
  std::uint64_t left_ = 0;
  bool endless_ = false;
  double rate_ = 0;
  TimePoint start_{};
  std::uint64_t since_start_ = 0;
  std::vector<std::byte> memory_;
  std::vector<Outgoing> batch_;
  Timer timer_;
  Callback on_done_;
};

}  // namespace sluice::multicast
