#include "reactor/socket.h"

#include <poll.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>

namespace sluice {
namespace {

TimePoint now() {
  return std::chrono::steady_clock::now();
}

Result<Socket> make_socket(int family, int type) {
  Fd fd(::socket(family, type | SOCK_CLOEXEC, 0));
  if (!fd) return fail("socket");
  return Socket(std::move(fd));
}

/// sendfile(2) has no MSG_NOSIGNAL. While this lives, SIGPIPE waits for this thread alone; at the
/// end the one we caused is taken back, unless one was waiting before.
class SigpipeHeld {
 public:
  SigpipeHeld() {
    ::sigset_t pending;
    ::sigpending(&pending);
    had_one_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  SigpipeHeld(const SigpipeHeld&) = delete;
  SigpipeHeld& operator=(const SigpipeHeld&) = delete;
  ~SigpipeHeld() {
    const int saved = errno;
    constexpr ::timespec kAtOnce{0, 0};
    if (!had_one_)
      while (::sigtimedwait(&sigpipe_, nullptr, &kAtOnce) < 0 && errno == EINTR) continue;
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = saved;
  }

 private:
  ::sigset_t sigpipe_;
  ::sigset_t before_;
  bool had_one_ = false;
};

}  // namespace

Result<Socket> Socket::tcp(int family) {
  return make_socket(family, SOCK_STREAM);
}

Result<Socket> Socket::udp(int family) {
  return make_socket(family, SOCK_DGRAM);
}

Result<void> Socket::wait(short events, TimePoint start, const char* operation) const {
  // In slices, so that no time is too long for a timespec of 32 bits.
  constexpr Duration kSlice = std::chrono::hours(1);
  for (;;) {
    const Duration left = std::max(*timeout_ - (now() - start), Duration::zero());
    const auto slice = std::min(left, kSlice);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(slice);
    const ::timespec time{static_cast<::time_t>(seconds.count()),
                          static_cast<long>((slice - seconds).count())};
    ::pollfd watched{fileno(), events, 0};
    const int ready = ::ppoll(&watched, 1, &time, nullptr);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail(operation);
    if (ready == 0 && left <= kSlice) return fail(operation, ETIMEDOUT);
  }
}

/// Makes the call until it is done: after a signal, and, with a timeout, when another process has
/// taken what poll had promised.
template <class Call>
Result<std::size_t> Socket::attempt(short events, TimePoint start, const char* operation,
                                    Call call) const {
  for (;;) {
    if (timed())
      if (const auto ready = wait(events, start, operation); !ready)
        return std::unexpected(ready.error());
    const auto done = call();
    if (done >= 0) return static_cast<std::size_t>(done);
    if (errno != EINTR && !(timed() && errno == EAGAIN)) return fail(operation);
  }
}

Result<void> Socket::bind(const Address& address) {
  if (::bind(fileno(), address.data(), address.size()) != 0) return fail("bind");
  return {};
}

Result<void> Socket::listen(int backlog) {
  if (::listen(fileno(), backlog) != 0) return fail("listen");
  return {};
}

Result<std::pair<Socket, Address>> Socket::accept() {
  ::sockaddr_storage storage{};
  auto* peer = reinterpret_cast<::sockaddr*>(&storage);
  socklen_t size = 0;
  const auto fd = attempt(POLLIN, now(), "accept", [&] {
    size = sizeof storage;
    return ::accept4(fileno(), peer, &size, SOCK_CLOEXEC);
  });
  if (!fd) return std::unexpected(fd.error());
  return std::pair(Socket(Fd(static_cast<int>(*fd))), Address::from_sockaddr(peer, size));
}

Result<void> Socket::connect(const Address& address) {
  const TimePoint start = now();
  if (::connect(fileno(), address.data(), address.size()) == 0) return {};
  // Interrupted or not to be waited for, the connection goes on by itself: connect(2).
  if (errno != EINTR && !(errno == EINPROGRESS && timed())) return fail("connect");
  if (timed()) {
    if (const auto ready = wait(POLLOUT, start, "connect"); !ready) return ready;
  } else {
    ::pollfd watched{fileno(), POLLOUT, 0};
    while (::poll(&watched, 1, -1) < 0)
      if (errno != EINTR) return fail("connect");
  }
  return connect_result(fileno());
}

int Socket::connect_ex(const Address& address) {
  const auto connected = connect(address);
  return connected ? 0 : connected.error().code;
}

Result<std::string> Socket::recv(std::size_t size, int flags) {
  std::string bytes(size, '\0');
  const auto got = recv_into(std::as_writable_bytes(std::span(bytes)), flags);
  if (!got) return std::unexpected(got.error());
  bytes.resize(*got);
  return bytes;
}

Result<std::size_t> Socket::recv_into(std::span<std::byte> into, int flags) {
  return attempt(POLLIN, now(), "recv",
                 [&] { return ::recv(fileno(), into.data(), into.size(), flags); });
}

Result<std::pair<std::string, Address>> Socket::recvfrom(std::size_t size, int flags) {
  std::string bytes(size, '\0');
  auto got = recvfrom_into(std::as_writable_bytes(std::span(bytes)), flags);
  if (!got) return std::unexpected(got.error());
  bytes.resize(got->first);
  return std::pair(std::move(bytes), std::move(got->second));
}

Result<std::pair<std::size_t, Address>> Socket::recvfrom_into(std::span<std::byte> into,
                                                              int flags) {
  ::sockaddr_storage storage{};
  auto* peer = reinterpret_cast<::sockaddr*>(&storage);
  socklen_t size = 0;
  const auto got = attempt(POLLIN, now(), "recvfrom", [&] {
    size = sizeof storage;
    return ::recvfrom(fileno(), into.data(), into.size(), flags & ~MSG_TRUNC, peer, &size);
  });
  if (!got) return std::unexpected(got.error());
  return std::pair(*got, Address::from_sockaddr(peer, size));
}

Result<std::size_t> Socket::send(std::span<const std::byte> bytes, int flags) {
  return attempt(POLLOUT, now(), "send", [&] {
    return ::send(fileno(), bytes.data(), bytes.size(), flags | MSG_NOSIGNAL);
  });
}

Result<void> Socket::sendall(std::span<const std::byte> bytes, int flags) {
  return send_all(bytes, flags, now());
}

Result<void> Socket::send_all(std::span<const std::byte> bytes, int flags, TimePoint start) {
  while (!bytes.empty()) {
    const auto sent = attempt(POLLOUT, start, "send", [&] {
      return ::send(fileno(), bytes.data(), bytes.size(), flags | MSG_NOSIGNAL);
    });
    if (!sent) return std::unexpected(sent.error());
    bytes = bytes.subspan(*sent);
  }
  return {};
}

Result<std::size_t> Socket::sendto(std::span<const std::byte> bytes, const Address& to, int flags) {
  return attempt(POLLOUT, now(), "sendto", [&] {
    return ::sendto(fileno(), bytes.data(), bytes.size(), flags | MSG_NOSIGNAL, to.data(),
                    to.size());
  });
}

Result<std::uint64_t> Socket::sendfile(int file, ::off_t offset,
                                       std::optional<std::uint64_t> count) {
  if (timeout_ == Duration::zero() || offset < 0) return fail("sendfile", EINVAL);
  constexpr std::size_t kPiece = 1 << 20;
  const TimePoint start = now();
  const std::uint64_t want = count.value_or(std::numeric_limits<std::uint64_t>::max());
  std::uint64_t done = 0;
  bool by_kernel = true;
  // What has no position is read where it stands.
  ::off_t* position = ::lseek(file, 0, SEEK_CUR) < 0 && offset == 0 ? nullptr : &offset;
  while (done < want) {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(want - done, kPiece));
    const auto sent =
        by_kernel ? send_from(file, position, most, start) : copy_from(file, position, most, start);
    if (!sent && by_kernel && (sent.error().code == EINVAL || sent.error().code == ENOSYS)) {
      by_kernel = false;
      continue;
    }
    if (!sent) return std::unexpected(sent.error());
    if (*sent == 0) break;
    done += *sent;
  }
  return done;
}

Result<std::size_t> Socket::send_from(int file, ::off_t* offset, std::size_t most,
                                      TimePoint start) {
  const SigpipeHeld held;
  return attempt(POLLOUT, start, "sendfile",
                 [&] { return ::sendfile(fileno(), file, offset, most); });
}

Result<std::size_t> Socket::copy_from(int file, ::off_t* offset, std::size_t most,
                                      TimePoint start) {
  std::array<std::byte, limits::kPieceBytes> piece;
  most = std::min(most, piece.size());
  ::ssize_t got = -1;
  do {
    got = offset ? ::pread(file, piece.data(), most, *offset) : ::read(file, piece.data(), most);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return fail("read");
  const auto size = static_cast<std::size_t>(got);
  if (const auto sent = send_all(std::span(piece).first(size), 0, start); !sent)
    return std::unexpected(sent.error());
  if (offset) *offset += got;
  return size;
}

Result<void> Socket::shutdown(int how) {
  if (::shutdown(fileno(), how) != 0) return fail("shutdown");
  return {};
}

Result<void> Socket::setblocking(bool blocking) {
  return settimeout(blocking ? std::optional<Duration>() : Duration::zero());
}

Result<void> Socket::settimeout(std::optional<Duration> timeout) {
  if (timeout && *timeout < Duration::zero()) return fail("settimeout", EINVAL);
  if (const auto set = set_nonblocking(fileno(), timeout.has_value()); !set) return set;
  timeout_ = timeout;
  return {};
}

Result<void> Socket::setsockopt(int level, int name, int value) {
  return setsockopt(level, name, std::as_bytes(std::span(&value, 1)));
}

Result<void> Socket::setsockopt(int level, int name, std::span<const std::byte> value) {
  if (::setsockopt(fileno(), level, name, value.data(), static_cast<socklen_t>(value.size())) != 0)
    return fail("setsockopt");
  return {};
}

Result<int> Socket::getsockopt(int level, int name) const {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fileno(), level, name, &value, &size) != 0) return fail("getsockopt");
  return value;
}

}  // namespace sluice
