#include "reactor/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "reactor/socket.h"

namespace sluice {
namespace {

/// A descriptor to give up; there is a root also where there is no /dev.
Fd open_spare() {
  return Fd(open("/", O_PATH | O_CLOEXEC));
}

void set(int socket, int level, int name, int value) {
  setsockopt(socket, level, name, &value, sizeof value);
}

/// What is accepted inherits these, which saves five calls a connection.
void set_inherited_options(int socket) {
  set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, limits::kKeepaliveIdle.count());
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, limits::kKeepaliveInterval.count());
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, limits::kKeepaliveProbes);
}

}  // namespace

Result<void> Listener::listen(const Address& address, int backlog) {
  auto socket = tcp_listen(address, backlog);
  if (!socket) return std::unexpected(socket.error());
  return adopt(std::move(*socket));
}

Result<void> Listener::adopt(Fd socket) {
  // One that was inherited may block, and accept() would wait where the batch ends.
  if (auto set = set_nonblocking(socket.get()); !set) return set;
  fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
  auto address = Address::local_of(socket.get());
  if (!address) return std::unexpected(address.error());
  if (address->family() != AF_UNIX) set_inherited_options(socket.get());
  auto watch = reactor_->watch(socket.get(), Interest::read, *this);
  if (!watch) return std::unexpected(watch.error());
  address_ = std::move(*address);
  socket_ = std::move(socket);
  watch_ = std::move(*watch);
  spare_ = open_spare();
  rest_ = reactor_->timer([this] { update_interest(); });
  update_interest();
  return {};
}

Listener::Verdict Listener::judge(int code) {
  switch (code) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return Verdict::exhausted;
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM:
    case ETIMEDOUT:
    case ECONNRESET:
      return Verdict::retry;
    case EAGAIN:
      return Verdict::ask_later;
    default:
      return Verdict::exhausted;  // what nobody has heard of may stay, so do not spin on it
  }
}

/// To ask once more than there are connections is dear: accept4() makes a socket before it looks
/// whether anybody waits. So one is taken, as most come alone, and twice as many in each turn that
/// follows at once on another.
void Listener::on_readable() noexcept {
  const std::uint64_t turn = reactor_->stats().turns;
  batch_ = turn == more_in_turn_ ? std::min(2 * batch_, limits::kAcceptsPerTurn) : 1;
  more_in_turn_ = turn + 1;
  int taken = 0;
  for (int i = 0; i < limits::kAcceptsPerTurn && taken < batch_ && socket_ && !paused_; ++i) {
    sockaddr_storage peer;
    socklen_t size = sizeof peer;
    Fd accepted(accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &size,
                        SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) {
      ++taken;
      on_accept_(std::move(accepted),
                 Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&peer), size));
      continue;
    }
    switch (judge(errno)) {
      case Verdict::retry:
        continue;
      case Verdict::ask_later:
        more_in_turn_ = 0;
        return;
      case Verdict::exhausted:
        return shed(Error::last("accept"));
    }
  }
  if (batch_ == limits::kAcceptsPerTurn && socket_ && !paused_) {
    ++reactor_->stats().budgets_exhausted;
  }
}

/// With the limit reached accept() fails even when nobody waits, so this cannot go on until it
/// succeeds: what waits now is sent away, and the listener rests.
void Listener::shed(Error error) {
  const TimePoint now = reactor_->now();
  const bool new_spell = !exhausted_ || now - *exhausted_ > limits::kExhaustedQuiet;
  exhausted_ = now;
  if (new_spell && on_exhausted_) on_exhausted_(error);
  if (error.code == EMFILE) {
    for (int i = 0; i < limits::kAcceptsPerTurn && spare_; ++i) {
      spare_.reset();
      Fd unlucky(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      const bool shed_one = static_cast<bool>(unlucky);
      unlucky.reset();
      spare_ = open_spare();
      if (!shed_one) break;
      ++reactor_->stats().accepts_shed;
    }
  }
  ++reactor_->stats().accept_pauses;
  rest_.start(limits::kAcceptPause);
  update_interest();
}

void Listener::update_interest() {
  if (!watch_) return;
  if (!spare_) spare_ = open_spare();
  watch_.set_interest(paused_ || rest_.armed() ? Interest::none : Interest::read);
}

void Listener::pause() {
  paused_ = true;
  update_interest();
}

void Listener::resume() {
  paused_ = false;
  update_interest();
}

void Listener::close() {
  rest_.stop();
  watch_.reset();
  socket_.reset();
  spare_.reset();
}

}  // namespace sluice
