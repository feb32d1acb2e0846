#include "reactor/connector.h"

#include <sys/socket.h>

#include "reactor/socket.h"

namespace sluice {

void Connector::start(Result<Fd> socket, Duration timeout) {
  error_ = {ETIMEDOUT, "connect"};
  timer_ = reactor_->timer([this] { finish(std::unexpected(error_)); });
  if (socket) {
    // Registered only now: a socket that has not begun to connect reports a hang-up (poll(2)).
    if (auto watch = reactor_->watch(socket->get(), Interest::write, *this)) {
      socket_ = std::move(*socket);
      watch_ = std::move(*watch);
      return timer_.start(timeout);
    } else {
      error_ = watch.error();
    }
  } else {
    error_ = socket.error();
  }
  timer_.start(Duration::zero());
}

void Connector::on_writable() noexcept {
  const auto connected = connect_result(socket_.get());
  int code = connected ? 0 : connected.error().code;
  if (code == 0) {
    const auto local = Address::local_of(socket_.get());
    const auto peer = Address::peer_of(socket_.get());
    if (!peer) {
      code = peer.error().code;
    } else if (local && *local == *peer && peer->family() != AF_UNIX) {
      code = ECONNREFUSED;
    }
  }
  if (code != 0) return finish(fail("connect", code));
  watch_.reset();
  finish(std::move(socket_));
}

void Connector::finish(Result<Fd> result) {
  timer_.stop();
  watch_.reset();
  socket_.reset();
  // The owner may destroy this object in the call, so the closure must not live in it.
  OnDone call = std::move(on_done_);
  call(std::move(result));
}

}  // namespace sluice
