#pragma once

#include <memory>
#include <vector>

#include "protocols/service.h"
#include "reactor/address.h"
#include "reactor/listener.h"
#include "reactor/log.h"
#include "reactor/stream.h"

namespace sluice {

class TcpService;

/// One connection of a TcpService, which owns it; protocols derive theirs from it. It ends when its
/// stream does: with close() or abort() on the stream, or by the peer.
class Session : public StreamHandler {
 public:
  Session(TcpService& service, Fd socket, const Address& peer);

  /// The server is going to stop. As it stands: what is owed is sent, then the connection ends.
  virtual void drain() noexcept { stream_.close(); }
  /// It leaves the service, which may be gone when its destructor runs: whatever it has from the
  /// service goes back now.
  virtual void ended() noexcept {}
  /// Whether this counts for Options::serve_clients.
  virtual bool served() const { return true; }
  /// Whether there is no end but that somebody leaves. Then the peer's reset, which is what a
  /// leaving becomes while something is under way, is no failure.
  virtual bool endless() const noexcept { return false; }

  void on_closed(Stream& stream, Error error) noexcept override;

  const Address& peer() const { return peer_; }
  Stream& stream() { return stream_; }

 protected:
  TcpService& service() const { return *service_; }
  /// Ends it at once and without a word to the peer but a reset.
  void abort();
  /// Counts it as a failure, once.
  void failed();

  template <class... Parts>
  void log(LogLevel level, const Parts&... parts) const;

 private:
  friend class TcpService;

  TcpService* service_;
  Stream stream_;
  Address peer_;
  std::uint32_t index_ = 0;  // in the service's table
  bool failed_ = false;
};

/// A service on one TCP (or Unix) address: the listener and the table of sessions that all of them
/// need. A protocol says how a session is made.
class TcpService : public Service {
 public:
  struct Options {
    Address address;
    std::size_t max_clients = 0;    ///< at once; more wait in the listen queue; 0: no bound
    std::size_t serve_clients = 0;  ///< after so many were served the service ends; 0: never
    Stream::Options stream{.stall_timeout = limits::kStallTimeout};
  };

  TcpService(Reactor& reactor, Options options);
  ~TcpService() override;

  Started start() override;
  std::string address() const override { return listener_.address().to_string(); }
  void drain() override;
  void abort() override;
  bool finished() const override { return closed_ && sessions_.empty(); }
  void on_finished(Callback callback) override { on_finished_ = std::move(callback); }

  Reactor& reactor() const { return *reactor_; }
  const Options& options() const { return options_; }
  std::size_t active() const { return sessions_.size(); }
  ServiceCounters& count() { return counters_; }

 protected:
  virtual std::unique_ptr<Session> make_session(Fd socket, const Address& peer) = 0;
  const Listener& listener() const { return listener_; }

 private:
  friend class Session;
  void accepted(Fd socket, const Address& peer);
  void remove(Session& session);
  void update_listener();

  Reactor* reactor_;
  Options options_;
  Listener listener_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::size_t served_ = 0;
  bool closed_ = false;  // takes no clients any more
  Callback on_finished_;
};

template <class... Parts>
void Session::log(LogLevel level, const Parts&... parts) const {
  sluice::log(level, service_->name(), peer_, ' ', parts...);
}

}  // namespace sluice
