// The system calls of the program, some of which fail at random: see README.md in this folder.
// The linker sends every call of NAME in the program to __wrap_NAME, for each line below that
// begins with FAULTY(NAME; __real_NAME is the call itself.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>

#include "tests/fault/environment.h"
#include "tests/fault/plan.h"

#define FAULTY(name, result, ...)               \
  extern "C" result __real_##name(__VA_ARGS__); \
  extern "C" result __wrap_##name(__VA_ARGS__)

using namespace sluice::fault;

extern "C" int __real_connect(int fd, const sockaddr* address, socklen_t size);
extern "C" int __real_close(int fd);

// --- reading and writing -----------------------------------------------------------------------

namespace {

/// To connect a TCP socket to nowhere ends its connection with a reset: tcp(7), connect(2).
void reset_connection(int fd) {
  const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
  if (__real_connect(fd, &nowhere, sizeof nowhere) != 0) shutdown(fd, SHUT_RDWR);
  set(fd, Mark::reset);
}

constexpr Kinds kReading = kShort | kEintr | kEagain | kReset;
constexpr Kinds kWriting = kReading | kNospace;

/// One call that moves `size` bytes: `call(size)` is the real one, which may be asked for fewer.
template <class Call>
ssize_t transfer(int fd, std::size_t size, Kinds wanted, bool waits, Call call) {
  const bool sends = (wanted & kNospace) != 0;
  if (has(fd, Mark::reset)) return sends ? failed(EPIPE) : 0;
  if (sends && take(fd, Mark::full)) return failed(ENOSPC);
  if (size < 2) wanted &= ~kShort;
  switch (strike(fd, wanted, waits)) {
    case kShort:
      return call(some_of(size));
    case kEintr:
      return failed(EINTR);
    case kEagain:
      return failed(EAGAIN);
    case kReset:
      reset_connection(fd);
      return failed(ECONNRESET);
    case kNospace:
      if (size < 2 || some_of(3) == 1) return failed(ENOSPC);
      set(fd, Mark::full);
      return call(some_of(size));
    default:
      return call(size);
  }
}

}  // namespace

FAULTY(read, ssize_t, int fd, void* into, size_t size) {
  return transfer(fd, size, kReading, true,
                  [&](std::size_t some) { return __real_read(fd, into, some); });
}

FAULTY(pread, ssize_t, int fd, void* into, size_t size, off_t offset) {
  return transfer(fd, size, kReading, true,
                  [&](std::size_t some) { return __real_pread(fd, into, some, offset); });
}

FAULTY(recv, ssize_t, int fd, void* into, size_t size, int flags) {
  return transfer(fd, size, kReading, (flags & MSG_DONTWAIT) == 0,
                  [&](std::size_t some) { return __real_recv(fd, into, some, flags); });
}

FAULTY(recvfrom, ssize_t, int fd, void* into, size_t size, int flags, sockaddr* peer,
       socklen_t* peer_size) {
  return transfer(fd, size, kReading, (flags & MSG_DONTWAIT) == 0, [&](std::size_t some) {
    return __real_recvfrom(fd, into, some, flags, peer, peer_size);
  });
}

FAULTY(write, ssize_t, int fd, const void* from, size_t size) {
  return transfer(fd, size, kWriting, true,
                  [&](std::size_t some) { return __real_write(fd, from, some); });
}

FAULTY(pwrite, ssize_t, int fd, const void* from, size_t size, off_t offset) {
  return transfer(fd, size, kWriting, true,
                  [&](std::size_t some) { return __real_pwrite(fd, from, some, offset); });
}

FAULTY(send, ssize_t, int fd, const void* from, size_t size, int flags) {
  return transfer(fd, size, kWriting, (flags & MSG_DONTWAIT) == 0,
                  [&](std::size_t some) { return __real_send(fd, from, some, flags); });
}

FAULTY(sendto, ssize_t, int fd, const void* from, size_t size, int flags, const sockaddr* to,
       socklen_t to_size) {
  return transfer(fd, size, kWriting, (flags & MSG_DONTWAIT) == 0, [&](std::size_t some) {
    return __real_sendto(fd, from, some, flags, to, to_size);
  });
}

FAULTY(sendmsg, ssize_t, int fd, const msghdr* message, int flags) {
  std::size_t total = 0;
  for (std::size_t i = 0; i < message->msg_iovlen; ++i) total += message->msg_iov[i].iov_len;
  return transfer(fd, total, kWriting, (flags & MSG_DONTWAIT) == 0, [&](std::size_t some) {
    static std::array<iovec, 1024> pieces;  // IOV_MAX
    msghdr less = *message;
    less.msg_iov = pieces.data();
    for (less.msg_iovlen = 0; some != 0; ++less.msg_iovlen) {
      iovec& piece = pieces[less.msg_iovlen] = message->msg_iov[less.msg_iovlen];
      piece.iov_len = std::min(piece.iov_len, some);
      some -= piece.iov_len;
    }
    return __real_sendmsg(fd, &less, flags);
  });
}

FAULTY(sendfile, ssize_t, int to, int from, off_t* offset, size_t size) {
  return transfer(to, size, kWriting, true,
                  [&](std::size_t some) { return __real_sendfile(to, from, offset, some); });
}

// --- waiting -----------------------------------------------------------------------------------

FAULTY(epoll_wait, int, int epoll, epoll_event* events, int most, int timeout) {
  switch (strike(most > 1 ? kEintr | kShort : kEintr)) {
    case kEintr:
      return static_cast<int>(failed(EINTR));
    case kShort:
      most = static_cast<int>(some_of(static_cast<std::size_t>(std::min(most, 8))));
      break;
    default:
      break;
  }
  return __real_epoll_wait(epoll, events, most, timeout);
}

FAULTY(poll, int, pollfd* watched, nfds_t count, int timeout) {
  if (strike(kEintr)) return static_cast<int>(failed(EINTR));
  return __real_poll(watched, count, timeout);
}

FAULTY(ppoll, int, pollfd* watched, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  if (strike(kEintr)) return static_cast<int>(failed(EINTR));
  return __real_ppoll(watched, count, timeout, mask);
}

FAULTY(select, int, int count, fd_set* read, fd_set* write, fd_set* except, timeval* timeout) {
  if (strike(kEintr)) return static_cast<int>(failed(EINTR));
  return __real_select(count, read, write, except, timeout);
}

FAULTY(epoll_ctl, int, int epoll, int operation, int fd, epoll_event* event) {
  // max_user_watches is reached: epoll_ctl(2).
  if (operation == EPOLL_CTL_ADD && strike(kNospace)) return static_cast<int>(failed(ENOSPC));
  return __real_epoll_ctl(epoll, operation, fd, event);
}

// --- connections -------------------------------------------------------------------------------

FAULTY(fcntl, int, int fd, int operation, ...) {
  va_list rest;
  va_start(rest, operation);
  const long value = va_arg(rest, long);
  va_end(rest);
  const bool makes_one = operation == F_DUPFD || operation == F_DUPFD_CLOEXEC;
  if (makes_one && strike(kNofile)) return static_cast<int>(failed(EMFILE));
  return __real_fcntl(fd, operation, value);
}

FAULTY(accept4, int, int fd, sockaddr* peer, socklen_t* size, int flags) {
  switch (strike(fd, kEintr | kEagain | kReset | kNofile, true)) {
    case kEintr:
      return static_cast<int>(failed(EINTR));
    case kEagain:
      return static_cast<int>(failed(EAGAIN));
    case kNofile:
      return static_cast<int>(failed(EMFILE));
    case kReset: {
      const int accepted = __real_accept4(fd, peer, size, flags);
      if (accepted < 0) return accepted;
      reset_connection(accepted);
      forget(accepted);
      __real_close(accepted);
      return static_cast<int>(failed(ECONNABORTED));
    }
    default:
      return __real_accept4(fd, peer, size, flags);
  }
}

FAULTY(connect, int, int fd, const sockaddr* address, socklen_t size) {
  if (!strike(kEintr)) return __real_connect(fd, address, size);
  // An interrupted connect goes on by itself: one begun without waiting does just that.
  const int flags = __real_fcntl(fd, F_GETFL, 0L);
  __real_fcntl(fd, F_SETFL, static_cast<long>(flags | O_NONBLOCK));
  const int result = __real_connect(fd, address, size);
  const int code = errno;
  __real_fcntl(fd, F_SETFL, static_cast<long>(flags));
  errno = result < 0 && code == EINPROGRESS ? EINTR : code;
  return result;
}

FAULTY(socket, int, int family, int type, int protocol) {
  if (strike(kNofile)) return static_cast<int>(failed(EMFILE));
  return __real_socket(family, type, protocol);
}

FAULTY(epoll_create1, int, int flags) {
  if (strike(kNofile)) return static_cast<int>(failed(EMFILE));
  return __real_epoll_create1(flags);
}

FAULTY(eventfd, int, unsigned count, int flags) {
  if (strike(kNofile)) return static_cast<int>(failed(EMFILE));
  return __real_eventfd(count, flags);
}

FAULTY(signalfd, int, int fd, const sigset_t* mask, int flags) {
  if (fd < 0 && strike(kNofile)) return static_cast<int>(failed(EMFILE));
  return __real_signalfd(fd, mask, flags);
}

// --- files -------------------------------------------------------------------------------------

namespace {

/// What open() may do: EINTR only comes from devices and pipes that make it wait, which the
/// program does not open.
Kinds open_faults(int directory, const char* path, int flags) {
  const int saved = errno;
  const bool creates = (flags & O_CREAT) && faccessat(directory, path, F_OK, 0) != 0;
  errno = saved;
  return creates ? kNofile | kNospace : kNofile;
}

mode_t mode_of(int flags, va_list rest) {
  return (flags & O_CREAT) ? static_cast<mode_t>(va_arg(rest, int)) : 0;
}

}  // namespace

FAULTY(open, int, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_of(flags, rest);
  va_end(rest);
  const Kinds fault = strike(open_faults(AT_FDCWD, path, flags));
  if (fault) return static_cast<int>(failed(fault == kNofile ? EMFILE : ENOSPC));
  return __real_open(path, flags, mode);
}

FAULTY(openat, int, int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_of(flags, rest);
  va_end(rest);
  const Kinds fault = strike(open_faults(directory, path, flags));
  if (fault) return static_cast<int>(failed(fault == kNofile ? EMFILE : ENOSPC));
  return __real_openat(directory, path, flags, mode);
}

FAULTY(close, int, int fd) {
  // Only files have anything to say when they are closed, and closed they are even so.
  const Kinds fault = is_written_file(fd) ? strike(kEintr | kNospace) : 0;
  forget(fd);
  const int result = __real_close(fd);
  if (result != 0 || !fault) return result;
  return static_cast<int>(failed(fault == kEintr ? EINTR : ENOSPC));
}

FAULTY(fsync, int, int fd) {
  if (const Kinds fault = strike(kEintr | kNospace)) {
    return static_cast<int>(failed(fault == kEintr ? EINTR : ENOSPC));
  }
  return __real_fsync(fd);
}

FAULTY(fdatasync, int, int fd) {
  if (const Kinds fault = strike(kEintr | kNospace)) {
    return static_cast<int>(failed(fault == kEintr ? EINTR : ENOSPC));
  }
  return __real_fdatasync(fd);
}

FAULTY(ftruncate, int, int fd, off_t size) {
  if (strike(kEintr)) return static_cast<int>(failed(EINTR));
  return __real_ftruncate(fd, size);
}

FAULTY(renameat, int, int from_directory, const char* from, int to_directory, const char* to) {
  if (strike(kNospace)) return static_cast<int>(failed(ENOSPC));
  return __real_renameat(from_directory, from, to_directory, to);
}

FAULTY(renameat2, int, int from_directory, const char* from, int to_directory, const char* to,
       unsigned flags) {
  if (strike(kNospace)) return static_cast<int>(failed(ENOSPC));
  return __real_renameat2(from_directory, from, to_directory, to, flags);
}

// --- what the plan needs -----------------------------------------------------------------------

namespace sluice::fault {

void say(const char* text, std::size_t size) {
  [[maybe_unused]] const ssize_t written = __real_write(STDERR_FILENO, text, size);
}

int status_flags(int fd) {
  return __real_fcntl(fd, F_GETFL, 0L);
}

}  // namespace sluice::fault
