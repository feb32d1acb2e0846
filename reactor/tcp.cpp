#include "reactor/tcp.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "reactor/socket_options.h"

namespace sluice {
namespace {

Result<Fd> make(int family) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail("socket");
  return fd;
}

/// Whether `address` names a file that a listener has left behind.
bool is_stale_socket(const Address& address) {
  const std::string path = address.host();
  struct ::stat status{};
  // connect(2) says ECONNREFUSED of a regular file too, and that is somebody's data.
  if (path.starts_with('@') || ::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode))
    return false;
  const auto probe = make(AF_UNIX);
  return probe && ::connect(probe->get(), address.data(), address.size()) != 0 &&
         errno == ECONNREFUSED;
}

Result<void> bind_to(int fd, const Address& address) {
  if (::bind(fd, address.data(), address.size()) == 0) return {};
  const Error error = Error::last("bind");
  if (error.code == EADDRINUSE && address.family() == AF_UNIX && is_stale_socket(address)) {
    if (::unlink(address.host().c_str()) != 0) return fail("unlink");
    if (::bind(fd, address.data(), address.size()) == 0) return {};
    return fail("bind");
  }
  return std::unexpected(error);
}

}  // namespace

Result<Fd> tcp_listen(const Address& address, int backlog, bool reuse_port) {
  auto fd = make(address.family());
  if (!fd) return fd;
  if (const auto set = set_option(fd->get(), option::reuse_address, true); !set)
    return std::unexpected(set.error());
  if (reuse_port)
    if (const auto set = set_option(fd->get(), option::reuse_port, true); !set)
      return std::unexpected(set.error());
  if (const auto bound = bind_to(fd->get(), address); !bound) return std::unexpected(bound.error());
  if (::listen(fd->get(), backlog) != 0) return fail("listen");
  return fd;
}

Result<Fd> tcp_start_connect(const Address& address) {
  return tcp_start_connect(address, Address());
}

Result<Fd> tcp_start_connect(const Address& address, const Address& local) {
  auto fd = make(address.family());
  if (!fd) return fd;
  if (local.family() != AF_UNSPEC) {
    if (const auto set = set_option(fd->get(), option::reuse_address, true); !set)
      return std::unexpected(set.error());
    if (::bind(fd->get(), local.data(), local.size()) != 0) return fail("bind");
  }
  if (::connect(fd->get(), address.data(), address.size()) == 0) return fd;
  if (errno != EINPROGRESS && errno != EINTR) return fail("connect");
  return fd;
}

Result<void> connect_result(int fd) {
  int code = 0;
  socklen_t size = sizeof code;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0) return fail("SO_ERROR");
  if (code != 0) return fail("connect", code);
  return {};
}

bool has_unread(int fd) {
  char next;
  return recv(fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

Result<void> set_nonblocking(int fd, bool on) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return fail("fcntl(F_GETFL)");
  const int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (wanted != flags && ::fcntl(fd, F_SETFL, wanted) < 0) return fail("fcntl(F_SETFL)");
  return {};
}

}  // namespace sluice
