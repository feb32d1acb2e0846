#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "reactor/address.h"
#include "reactor/clock.h"
#include "reactor/error.h"
#include "reactor/fd.h"
#include "reactor/limits.h"
#include "reactor/socket_options.h"
#include "reactor/tcp.h"

namespace sluice {

/// Python's socket, method by method, for programs that do one thing at a time. It owns its
/// descriptor, which is close-on-exec from birth, and is move-only; of one that was moved from,
/// closed or detached, every call fails with EBADF.
///
/// It blocks until told otherwise by settimeout: no time blocks for ever, zero never (a call that
/// would have to wait fails with EAGAIN, connect with EINPROGRESS), and any other time bounds the
/// whole of each call: ETIMEDOUT. A signal does not end a call (signal(7), EINTR), and a peer that
/// is gone is EPIPE or ECONNRESET, never SIGPIPE. What goes into a Reactor instead is made by
/// Listener, Connector and Stream.
class Socket {
 public:
  Socket() = default;
  /// Takes over a descriptor that blocks.
  explicit Socket(Fd fd) : fd_(std::move(fd)) {}

  /// SOCK_STREAM and SOCK_DGRAM of AF_INET, AF_INET6 or AF_UNIX.
  static Result<Socket> tcp(int family = AF_INET);
  static Result<Socket> udp(int family = AF_INET);

  Result<void> bind(const Address& address);
  Result<void> listen(int backlog = limits::kListenBacklog);
  /// The connection, which blocks whatever this socket does, and who it is from.
  Result<std::pair<Socket, Address>> accept();
  Result<void> connect(const Address& address);
  /// The same, as an errno value; 0 is success.
  int connect_ex(const Address& address);

  /// At most `size` bytes, as they come. Of a stream, none means that the peer has sent its end.
  Result<std::string> recv(std::size_t size, int flags = 0);
  Result<std::size_t> recv_into(std::span<std::byte> into, int flags = 0);
  /// A longer datagram loses its rest.
  Result<std::pair<std::string, Address>> recvfrom(std::size_t size, int flags = 0);
  Result<std::pair<std::size_t, Address>> recvfrom_into(std::span<std::byte> into, int flags = 0);

  /// Tells how many bytes the kernel took, which may be fewer than given.
  Result<std::size_t> send(std::span<const std::byte> bytes, int flags = 0);
  Result<std::size_t> send(std::string_view text, int flags = 0) { return send(raw(text), flags); }
  /// All of it or an error, after which nobody knows how much has left.
  Result<void> sendall(std::span<const std::byte> bytes, int flags = 0);
  Result<void> sendall(std::string_view text, int flags = 0) { return sendall(raw(text), flags); }
  Result<std::size_t> sendto(std::span<const std::byte> bytes, const Address& to, int flags = 0);
  Result<std::size_t> sendto(std::string_view text, const Address& to, int flags = 0) {
    return sendto(raw(text), to, flags);
  }
  /// Sends `count` bytes of `file` from `offset` on, or all that are left in it, and tells how many
  /// there were. A file that cannot be mapped is read and sent; of one that cannot be positioned
  /// (a pipe), `offset` must be 0. The file's own position is unchanged. As in Python, not for a
  /// socket with a timeout of zero: EINVAL.
  Result<std::uint64_t> sendfile(int file, ::off_t offset = 0,
                                 std::optional<std::uint64_t> count = {});

  /// SHUT_RD, SHUT_WR or SHUT_RDWR.
  Result<void> shutdown(int how);
  void close() { fd_.reset(); }
  /// Gives the descriptor away: the caller closes it. -1 when there is none.
  [[nodiscard]] int detach() { return fd_.release(); }
  int fileno() const { return fd_.get(); }

  /// setblocking(true) is settimeout({}), setblocking(false) is settimeout(0).
  Result<void> setblocking(bool blocking);
  /// EINVAL for a negative time.
  Result<void> settimeout(std::optional<Duration> timeout);
  std::optional<Duration> gettimeout() const { return timeout_; }

  /// The typed options of socket_options.h, or any other by its number.
  template <class O>
  Result<void> setsockopt(const O& option, const typename O::Value& value) {
    return set_option(fileno(), option, value);
  }
  template <class O>
  Result<typename O::Value> getsockopt(const O& option) const {
    return get_option(fileno(), option);
  }
  Result<void> setsockopt(int level, int name, int value);
  Result<void> setsockopt(int level, int name, std::span<const std::byte> value);
  Result<int> getsockopt(int level, int name) const;

  Result<Address> getsockname() const { return Address::local_of(fileno()); }
  Result<Address> getpeername() const { return Address::peer_of(fileno()); }

 private:
  static std::span<const std::byte> raw(std::string_view text) {
    return std::as_bytes(std::span(text));
  }
  bool timed() const { return timeout_ && *timeout_ > Duration::zero(); }
  Result<void> wait(short events, TimePoint start, const char* operation) const;
  template <class Call>
  Result<std::size_t> attempt(short events, TimePoint start, const char* operation,
                              Call call) const;
  Result<std::size_t> send_from(int file, ::off_t* offset, std::size_t most, TimePoint start);
  Result<std::size_t> copy_from(int file, ::off_t* offset, std::size_t most, TimePoint start);
  Result<void> send_all(std::span<const std::byte> bytes, int flags, TimePoint start);

  Fd fd_;
  std::optional<Duration> timeout_;
};

}  // namespace sluice
