#include "tools/serve_http.h"

#include "protocols/http/host.h"
#include "protocols/http/http_service.h"
#include "reactor/text.h"
#include "tools/serve_video.h"

namespace sluice::tools {
namespace {

http::ServiceState state_of(const Running& running) {
  http::ServiceState state{.name = std::string(running.kind->name), .address = {}, .trouble = {}};
  if (!running.service) {
    state.trouble = concat("not started: ", running.trouble);
    return state;
  }
  state.address = running.service->address();
  state.counters = running.service->counters();
  if (running.service->finished()) state.trouble = "closed";
  return state;
}

}  // namespace

Made make_http(const Making& making) {
  const auto address = Address::parse(making.address);
  if (!address) {
    return std::unexpected(concat("--http ", making.address, ": ", address.error().operation));
  }
  http::HttpService::Options options{.address = *address};
  const auto clients =
      making.settings.number("http-max-clients", options.max_clients, 1, UINT32_MAX);
  if (!clients) return std::unexpected(clients.error());
  options.max_clients = *clients;
  for (const std::string_view name : making.settings.find_all("http-name")) {
    if (name.empty() || !http::is_host(name) || http::without_port(name) != name) {
      return std::unexpected(concat("--http-name is the name of a host, not ", name));
    }
    options.names.emplace_back(name);
  }
  http::ListServices list = [all = &making.all] {
    std::vector<http::ServiceState> states;
    for (const Running& running : *all) states.push_back(state_of(running));
    return states;
  };
  auto service =
      std::make_unique<http::HttpService>(making.reactor, std::move(options), std::move(list));
  making.video.add_to(service->routes(), making.all);
  return service;
}

}  // namespace sluice::tools
