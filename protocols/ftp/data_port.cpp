#include "protocols/ftp/data_port.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <array>

#include "reactor/log.h"
#include "reactor/tcp.h"

namespace sluice::ftp {
namespace {

/// For ports that an attacker cannot guess (RFC 2577 section 8); many at a time, as each call
/// costs.
std::uint32_t random_number() {
  static std::array<std::uint32_t, 64> numbers;
  static std::size_t used = numbers.size();
  if (used == numbers.size()) {
    (void)::getrandom(numbers.data(), sizeof numbers, GRND_NONBLOCK);
    used = 0;
  }
  return numbers[used++];
}

/// From the port below the control connection's, as RFC 959 section 3.2 has it and firewalls expect
/// it; from any where that may not be, or is in use towards the same port of the client.
Result<Fd> call_from(Address local, const Address& peer) {
  local.set_port(static_cast<std::uint16_t>(local.port() - 1));
  if (auto socket = tcp_start_connect(peer, local)) return socket;
  local.set_port(0);
  return tcp_start_connect(peer, local);
}

}  // namespace

Result<Address> DataPort::listen(PortRange range) {
  close();
  if (local_.family() != AF_INET && local_.family() != AF_INET6) {
    return fail("listen (the control connection is not TCP)", EAFNOSUPPORT);
  }
  Address address = local_;
  auto socket = open_port(address, range);
  if (!socket) return std::unexpected(socket.error());
  listening_ = std::move(*socket);
  error_ = {ETIMEDOUT, "accept"};
  timer_ = reactor_->timer([this] { on_time(); });
  timer_.start(limits::kPassiveQuiet);
  return address;
}

/// `local` becomes what it is bound to.
Result<Fd> DataPort::open_port(Address& local, PortRange range) {
  const auto try_port = [&](std::uint32_t port) {
    local.set_port(static_cast<std::uint16_t>(port));
    return tcp_listen(local, limits::kPassiveBacklog);
  };
  // The kernel looks long for a free one where connections come and go: milliseconds
  // (bench/README.md).
  const bool any = range.first == 0;
  if (any) range = limits::kAnyPort;
  const std::uint32_t count = range.last - range.first + 1u;
  for (int i = 0; i < limits::kRandomPorts; ++i) {
    auto socket = try_port(range.first + random_number() % count);
    if (socket || socket.error().code != EADDRINUSE) return socket;
  }
  if (any) {
    auto socket = try_port(0);
    if (socket) local = Address::local_of(socket->get()).value_or(local);
    return socket;
  }
  const std::uint32_t start = random_number() % count;
  for (std::uint32_t i = 0; i < count; ++i) {
    auto socket = try_port(range.first + (start + i) % count);
    if (socket || socket.error().code != EADDRINUSE) return socket;
  }
  return fail("bind (the passive ports are used up)", EADDRINUSE);
}

void DataPort::call(const Address& address) {
  close();
  to_call_ = address;
}

std::optional<Fd> DataPort::connect(Duration patience, OnConnected done) {
  if (listening_ && !accepted_) accept();
  if (accepted_) {
    timer_.stop();
    return std::move(accepted_);
  }
  done_ = std::move(done);
  if (!to_call_) {
    if (listening_ && watch_port()) timer_.start(patience);
    return std::nullopt;
  }
  const Address peer = *to_call_;
  to_call_.reset();
  connector_ = std::make_unique<Connector>(*reactor_, [this](Result<Fd> result) {
    reactor_->retire(std::move(connector_));
    finish(std::move(result));
  });
  connector_->start(call_from(local_, peer), patience);
  return std::nullopt;
}

/// Only who does not call at once is waited for by the loop, and strangers are sent away: most
/// clients have called before they ask for a transfer.
bool DataPort::watch_port() {
  if (watch_) return true;
  auto watch = reactor_->watch(listening_.get(), Interest::read, *this);
  if (!watch) {
    fail_listening(watch.error());
    return false;
  }
  watch_ = std::move(*watch);
  return true;
}

void DataPort::on_readable() noexcept {
  accept();
  if (accepted_ && done_) finish(std::move(accepted_));
}

void DataPort::accept() {
  for (int i = 0; i < limits::kPassiveBacklog && !accepted_; ++i) {
    sockaddr_storage from;
    socklen_t size = sizeof from;
    Fd socket(::accept4(listening_.get(), reinterpret_cast<sockaddr*>(&from), &size,
                        SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        fail_listening(Error::last("accept"));
      }
      return;
    }
    const Address peer = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&from), size);
    if (peer_.same_host(peer)) {
      accepted_ = std::move(socket);
    } else {
      log(LogLevel::warning, "ftp", peer, " called on the passive port of ", peer_, ": refused");
    }
  }
  if (!accepted_) return;
  watch_.reset();
  listening_.reset();
}

/// Without a descriptor to spare the connection would stay ready, and the loop would spin.
void DataPort::fail_listening(Error error) {
  error_ = error;
  watch_.reset();
  listening_.reset();
  timer_.start(Duration::zero());
}

void DataPort::on_time() {
  if (done_) return finish(std::unexpected(error_));
  if (listening_ && !watch_) {
    if (watch_port()) timer_.start(limits::kPassiveIdle);
    return;
  }
  close();
}

void DataPort::finish(Result<Fd> result) {
  OnConnected done = std::move(done_);
  close();
  done(std::move(result));
}

void DataPort::close() {
  timer_.stop();
  watch_.reset();
  listening_.reset();
  accepted_.reset();
  to_call_.reset();
  connector_.reset();
  done_.reset();
}

}  // namespace sluice::ftp
