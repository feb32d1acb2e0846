#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "reactor/address.h"
#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/limits.h"
#include "reactor/reactor.h"

namespace sluice {

class Datagram;

/// A datagram that has arrived. It lies in memory that all sockets of the Reactor share, and is
/// gone when the callback returns; the Addresses may be copied.
struct Received {
  std::span<const std::byte> bytes;  ///< at most Options::max_bytes of it; none is a datagram too
  Address from;
  Address to;                         ///< with Options::destination: the host asked, and our port
  std::uint32_t interface_index = 0;  ///< with Options::destination: where it came in
  std::int64_t time = 0;              ///< with Options::timestamps: ns since 1970, by the kernel
  /// With Options::coalesce: `bytes` is datagrams of so many bytes each, the last may be shorter;
  /// 0: it is one.
  std::uint32_t segment = 0;
  bool truncated = false;  ///< it was longer than `bytes`

  /// With Options::destination: it was sent to a group or to everybody, and is not to be answered
  /// by what everybody would answer (RFC 1122, section 3.2.1.3).
  bool many = false;

  bool to_many() const { return many; }
};

/// A datagram to be sent. `to` may be null on a connected socket.
struct Outgoing {
  std::span<const std::byte> bytes;
  const Address* to = nullptr;
  /// The host that it is to come from, e.g. Received::to of what it answers; null: as the socket is
  /// bound and the routing table has it.
  const Address* from = nullptr;
};

/// Who owns a Datagram hears of it here: (on_datagrams | on_writable | on_error)*. From any of them
/// the owner may call everything of the Datagram but destroy it: `Reactor::retire` its holder.
class DatagramHandler {
 public:
  virtual ~DatagramHandler() = default;

  /// What has arrived, in the order in which it did; at least one.
  virtual void on_datagrams(Datagram& socket, std::span<const Received> batch) noexcept = 0;

  /// There is room again, after a send that took nothing, or not all (EAGAIN).
  virtual void on_writable(Datagram& /*socket*/) noexcept {}

  /// An ICMP message told that something sent earlier did not get there: ECONNREFUSED (no such
  /// port), EHOSTUNREACH, EMSGSIZE …. `peer` is where that was sent, where the kernel tells it:
  /// with Options::errors, or on a connected socket. The socket goes on.
  virtual void on_error(Datagram& /*socket*/, const Address& /*peer*/, Error /*error*/) noexcept {}
};

/// A UDP socket on the loop. Reads whole batches (recvmmsg), sends them (sendmmsg, UDP_SEGMENT).
///
/// It reads at most limits::kDatagramBatch a turn; the kernel drops what does not fit into its
/// buffer meanwhile, and dropped() counts it. on_error never comes from inside a call of the owner.
/// Not movable: the Reactor knows it by its address.
class Datagram final : public IoHandler {
 public:
  struct Options {
    std::size_t max_bytes = limits::kDatagramBytes;  ///< longer ones arrive cut, marked truncated
    bool destination = false;  ///< fill in Received::to and interface_index (IP_PKTINFO)
    bool timestamps = false;   ///< fill in Received::time (SO_TIMESTAMPNS)
    bool count_drops = false;  ///< make dropped() count (SO_MEMINFO, SO_RXQ_OVFL)
    bool errors = false;       ///< on_error also when not connected (IP_RECVERR)
    bool coalesce = false;     ///< take runs of equal datagrams as one (UDP_GRO), see Received
    bool broadcast = false;    ///< may send to broadcast addresses (SO_BROADCAST)
    /// Others may bind the same address (SO_REUSEADDR): of what is sent to many, each gets a copy.
    /// Never for a service that is asked by unicast: the last to bind would take it all.
    bool share_address = false;
    std::size_t receive_buffer = 0;  ///< bytes asked of the kernel (SO_RCVBUFFORCE, else SO_RCVBUF)
    std::size_t send_buffer = 0;
  };

  Datagram(Reactor& reactor, DatagramHandler& handler) : reactor_(&reactor), handler_(&handler) {}
  Datagram(const Datagram&) = delete;
  Datagram& operator=(const Datagram&) = delete;
  ~Datagram() override = default;

  /// Makes the socket, binds it and starts reading. EADDRINUSE, EADDRNOTAVAIL, EACCES …: bind(2).
  /// Options that this kernel does not know are left out, but for share_address and broadcast.
  Result<void> open(const Address& address, const Options& options);
  Result<void> open(const Address& address) { return open(address, Options{}); }
  /// Only that peer's datagrams arrive from now on; send() may leave `to` out.
  Result<void> connect(const Address& peer);
  void close();

  bool is_open() const { return static_cast<bool>(socket_); }
  int fd() const { return socket_.get(); }
  /// Where it is bound; after port 0 the port that the kernel chose.
  const Address& address() const { return address_; }
  /// Bytes that the kernel granted for what waits to be read (SO_RCVBUF, its own doubling halved).
  std::size_t receive_buffer() const;

  /// Sends one. EAGAIN when the kernel has no room now: on_writable tells when it has. EMSGSIZE for
  /// more than 65,507 bytes. An ICMP error that waits goes to on_error, not to who sends.
  Result<void> send(std::span<const std::byte> bytes, const Address& to);
  Result<void> send(std::span<const std::byte> bytes);  ///< to the peer of connect()
  Result<void> send(const Outgoing& datagram);

  /// Sends them in order; returns how many went. Fewer, none included, means no room: on_writable
  /// tells. One that cannot be sent for another reason is passed over: it counts as gone, and in
  /// failed_sends(). Runs of one size to one peer leave as segments of one call (UDP_SEGMENT).
  std::size_t send(std::span<const Outgoing> batch);
  std::uint64_t failed_sends() const { return failed_sends_; }

  /// Sends `bytes` as datagrams of `segment` bytes each, the last perhaps shorter, by as few calls
  /// as the kernel allows (UDP_SEGMENT, udp(7)). Returns how many bytes went, whole datagrams;
  /// fewer means no room: on_writable tells. Other errors as they are, with nothing gone; of what
  /// comes after the first call they count in failed_sends().
  Result<std::size_t> send_segments(std::span<const std::byte> bytes, std::size_t segment,
                                    const Address& to);

  void pause_reading();
  void resume_reading();

  /// As Options::timestamps, from now on. They cost the kernel about a tenth of a small datagram,
  /// so who needs them for some senders only asks when one is there.
  void fill_in_times();

  /// Datagrams that the kernel dropped for want of room since the socket was opened; asks for
  /// Options::count_drops. Inside on_datagrams: before the end of the batch.
  std::uint64_t dropped();

  void on_readable() noexcept override;
  void on_writable() noexcept override;

 private:
  Result<void> set_options(const Options& options, const Address& address);
  void take_ancillary(const msghdr& header, Received& received);
  void read_failed();
  bool drain_errors();
  void tell_later(Error error);
  void want_room();
  void update_interest();
  Result<void> send_message(const msghdr& header, Error earlier = {});
  std::size_t send_batch(std::span<const Outgoing> batch);
  std::size_t send_together(mmsghdr* headers, std::span<const std::uint16_t> sizes);
  void count_drops(std::uint32_t counter);

  Reactor* reactor_;
  DatagramHandler* handler_;
  Fd socket_;
  Address address_, peer_;
  std::size_t max_bytes_ = limits::kDatagramBytes;
  std::uint64_t dropped_ = 0;
  std::uint64_t failed_sends_ = 0;
  std::uint32_t last_drops_ = 0;  // the kernel's counter, which wraps
  std::uint16_t batch_ = 1;       // to ask for in the next turn
  bool errors_ = false;
  bool ancillary_ = false;    // the kernel tells more than bytes and sender
  bool no_segments_ = false;  // the kernel or the route has refused UDP_SEGMENT
  bool paused_ = false;
  bool wants_room_ = false;
  Error later_error_;
  Timer later_;
  Watch watch_;
};

}  // namespace sluice
