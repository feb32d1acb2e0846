#include "protocols/http/http_service.h"

#include <algorithm>

#include "protocols/http/host.h"
#include "protocols/http/http_session.h"
#include "protocols/http/letters.h"
#include "protocols/http/process_figures.h"
#include "reactor/text.h"

namespace sluice::http {

HttpService::HttpService(Reactor& reactor, Options options, ListServices list)
    : TcpService(reactor, {.address = options.address, .max_clients = options.max_clients}),
      options_(std::move(options)),
      list_(std::move(list)),
      began_(reactor.now()) {
  for (std::string& name : options_.names) name = lowered(name);
  add_own_routes();
}

HttpService::~HttpService() = default;

void HttpService::drain() {
  draining_ = true;
  TcpService::drain();
}

/// When this one fills the house, who only keeps a connection for later makes room for the next.
std::unique_ptr<Session> HttpService::make_session(Fd socket, const Address& peer) {
  if (active() + 1 >= options_.max_clients && !idle_.empty()) idle_.front()->leave();
  return std::make_unique<HttpSession>(*this, std::move(socket), peer);
}

void HttpService::add_own_routes() {
  routes_.add("/", [this](const Request&) -> Answer { return page_.show(overview()); });
  routes_.add("/services.json", [this](const Request&) -> Answer {
    return Response{.body = to_json(overview()), .type = "application/json"};
  });
  routes_.add("/metrics", [this](const Request&) -> Answer {
    return Response{.body = to_prometheus(overview(), reactor().stats(), ProcessFigures::read(),
                                          routes_.metrics()),
                    .type = "text/plain; version=0.0.4; charset=utf-8"};
  });
  routes_.add("/healthz", [this](const Request&) -> Answer {
    if (draining_) return sentence(503, "the server is about to stop");
    return Response{.body = "ok\n"};
  });
}

Overview HttpService::overview() {
  Overview overview{.uptime = reactor().now() - began_,
                    .draining = draining_,
                    .services = list_ ? list_() : std::vector<ServiceState>()};
  for (Picture& picture : routes_.pictures()) {
    overview.pictures.push_back({picture.path, picture.alt, picture.note()});
  }
  return overview;
}

Answer HttpService::answer(const Request& request) {
  if (!may_be_called(request.host)) {
    return sentence(421, concat("this server does not go by the name ", request.host,
                                "; from this machine use localhost"));
  }
  return routes_.answer(request);
}

/// A page from elsewhere may have its own name resolve to 127.0.0.1 (DNS rebinding): the browser
/// would let it read what is here, but tells us the name.
bool HttpService::may_be_called(std::string_view host) const {
  const Address& here = listener().address();
  if (!here.is_loopback() || host.empty() || is_local_name(host)) return true;
  return std::ranges::find(options_.names, lowered(without_port(host))) != options_.names.end();
}

}  // namespace sluice::http
