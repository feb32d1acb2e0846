#include "protocols/tcp_service.h"

namespace sluice {

Session::Session(TcpService& service, Fd socket, const Address& peer)
    : service_(&service),
      stream_(service.reactor(), std::move(socket), *this, service.options().stream),
      peer_(peer) {}

void Session::on_closed(Stream& stream, Error error) noexcept {
  const bool reset = error.code == ECONNRESET || error.code == EPIPE;
  if (!error) {
    log(LogLevel::info, stream.ended_by_peer() ? "closed by peer" : "closed");
  } else if (reset) {
    log(LogLevel::info, "reset by peer");
  } else {
    log(LogLevel::warning, error.message());
  }
  if (error && !(reset && endless())) failed();
  service_->remove(*this);
}

void Session::abort() {
  stream_.abort();
  failed();
  service_->remove(*this);
}

void Session::failed() {
  if (!std::exchange(failed_, true)) ++service_->counters_.failures;
}

TcpService::TcpService(Reactor& reactor, Options options)
    : reactor_(&reactor),
      options_(std::move(options)),
      listener_(reactor,
                [this](Fd socket, const Address& peer) { accepted(std::move(socket), peer); }) {}

TcpService::~TcpService() = default;

Started TcpService::start() {
  if (auto listening = listener_.listen(options_.address); !listening) {
    std::string why = listening.error().message(options_.address.to_string());
    if (listening.error().code == EADDRINUSE) {
      if (const std::string hint = bind_hint(options_.address); !hint.empty()) why += "; " + hint;
    }
    return std::unexpected(why);
  }
  listener_.on_exhausted([this](Error error) {
    sluice::log(LogLevel::warning, name(), error.message(), ": new connections have to wait");
  });
  return {};
}

void TcpService::accepted(Fd socket, const Address& peer) {
  ++counters_.connections;
  sluice::log(LogLevel::info, name(), peer, " connected");
  auto session = make_session(std::move(socket), peer);
  session->index_ = static_cast<std::uint32_t>(sessions_.size());
  sessions_.push_back(std::move(session));
  update_listener();
}

void TcpService::remove(Session& session) {
  if (session.served()) ++served_;
  session.ended();
  const std::uint32_t index = session.index_;
  reactor_->retire(std::move(sessions_[index]));
  if (index + 1 != sessions_.size()) {
    sessions_[index] = std::move(sessions_.back());
    sessions_[index]->index_ = index;
  }
  sessions_.pop_back();
  if (options_.serve_clients != 0 && served_ >= options_.serve_clients) drain();
  update_listener();
  if (finished() && on_finished_) reactor_->post(std::exchange(on_finished_, {}));
}

void TcpService::update_listener() {
  if (closed_) return;
  const std::size_t active = sessions_.size();
  const bool full = (options_.max_clients != 0 && active >= options_.max_clients) ||
                    (options_.serve_clients != 0 && served_ + active >= options_.serve_clients);
  full ? listener_.pause() : listener_.resume();
}

void TcpService::drain() {
  if (!closed_) {
    closed_ = true;
    listener_.close();
  }
  // From the back: a session that ends at once is replaced by the last one.
  for (std::size_t i = sessions_.size(); i-- > 0;) {
    if (i < sessions_.size()) sessions_[i]->drain();
  }
  if (finished() && on_finished_) reactor_->post(std::exchange(on_finished_, {}));
}

void TcpService::abort() {
  closed_ = true;
  listener_.close();
  while (!sessions_.empty()) sessions_.back()->abort();
  if (on_finished_) reactor_->post(std::exchange(on_finished_, {}));
}

}  // namespace sluice
