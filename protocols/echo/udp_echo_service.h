#pragma once

#include <array>
#include <optional>

#include "protocols/echo/source_rate.h"
#include "protocols/service.h"
#include "reactor/datagram.h"

namespace sluice::echo {

/// Sends every datagram back to its sender, unchanged, also one without a byte (RFC 862, UDP). When
/// bound to 0.0.0.0 or ::, the answer comes from the address that was asked.
///
/// Not answered is what would let two services, or one sender and a whole network, talk for ever:
/// what came to a broadcast or multicast address (RFC 1122, section 3.2.1.3), what came from a port
/// below 1024, where services are, or from a port of our own number, where another of us is.
///
/// Its counters: `connections` are datagrams that came, `failures` those that were not answered,
/// for any of these reasons, for the bound of Options::rate, or because the kernel had no room:
/// answers are never queued.
class UdpEchoService final : public Service, private DatagramHandler {
 public:
  struct Options {
    Address address;
    std::uint64_t rate = 10'000;  ///< datagrams a second of one host that are answered; 0: all
    bool bound_loopback = false;  ///< the same for this machine, which has no bound else
  };

  UdpEchoService(Reactor& reactor, const Options& options);
  std::string_view name() const override { return "udp-echo"; }

  /// Refuses multicast and broadcast addresses.
  Started start() override;
  std::string address() const override { return address_.to_string(); }
  void drain() override { close(); }
  void abort() override { close(); }
  bool finished() const override { return started_ && !socket_.is_open(); }
  void on_finished(Callback callback) override { on_finished_ = std::move(callback); }

 private:
  void on_datagrams(Datagram& socket, std::span<const Received> batch) noexcept override;
  bool may_answer(const Received& received);
  void close();

  Reactor* reactor_;
  Options options_;
  Datagram socket_;
  Address address_;
  bool any_ = false;  // bound to every address of this machine
  bool started_ = false;
  std::optional<SourceRate> rate_;
  std::array<Outgoing, limits::kDatagramBatch> answers_;
  Callback on_finished_;
};

}  // namespace sluice::echo
