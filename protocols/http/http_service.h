#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/http/limits.h"
#include "protocols/http/metrics.h"
#include "protocols/http/page.h"
#include "protocols/http/routes.h"
#include "protocols/tcp_service.h"

namespace sluice::http {

class HttpSession;

/// A small HTTP/1.1 server: a page and numbers about the services of the process, and whatever
/// other modules add to its routes. See protocols/http/README.md.
class HttpService final : public TcpService {
 public:
  struct Options {
    Address address = {};
    std::size_t max_clients = 1'000;      ///< at once; when full, the idlest make room
    std::vector<std::string> names = {};  ///< to be called by, beside addresses and localhost
    Duration request_time = limits::kRequestTime;
    Duration idle_time = limits::kIdleTime;
  };

  /// `list` is asked for what the page and the metrics show, and may be empty.
  HttpService(Reactor& reactor, Options options, ListServices list = {});
  ~HttpService() override;

  std::string_view name() const override { return "http"; }
  void drain() override;

  const Options& http_options() const { return options_; }
  /// Who adds a handler must outlive the service.
  Routes& routes() { return routes_; }

  Answer answer(const Request& request);
  bool draining() const { return draining_; }
  /// Nobody else is let in.
  bool full() const { return active() >= options_.max_clients; }

  using Idle = std::list<HttpSession*>;
  /// Those with nothing to do, who have waited longest first.
  Idle& idle() { return idle_; }

 protected:
  std::unique_ptr<Session> make_session(Fd socket, const Address& peer) override;

 private:
  void add_own_routes();
  bool may_be_called(std::string_view host) const;
  Overview overview();

  Options options_;
  ListServices list_;
  Routes routes_;
  Page page_;
  Idle idle_;
  TimePoint began_;
  bool draining_ = false;
};

}  // namespace sluice::http
