#pragma once

#include <criterion/criterion.h>

#include <string>
#include <string_view>
#include <vector>

#include "protocols/http/http_service.h"
#include "reactor/log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

inline const std::string kGet = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

inline std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// An HTTP server with two services to tell of, and its clients. Time stands still.
struct HttpScene {
  explicit HttpScene(sluice::SelectorKind kind = sluice::SelectorKind::epoll,
                     sluice::http::HttpService::Options options = {})
      : reactor({.selector = kind, .clock = &clock}),
        service(reactor, local(std::move(options)), [] {
          return std::vector<sluice::http::ServiceState>{
              {.name = "ftp",
               .address = "127.0.0.1:21",
               .trouble = {},
               .counters = {.connections = 3, .failures = 1, .bytes_in = 5, .bytes_out = 7}},
              {.name = "we\"ird", .address = "-", .trouble = "not <started>"}};
        }) {
    sluice::set_log_level(sluice::LogLevel::error);
    cr_assert(service.start());
  }

  static sluice::http::HttpService::Options local(sluice::http::HttpService::Options options) {
    options.address = sluice::Address::loopback_v4(0);
    return options;
  }

  sluice::Fd connect() {
    auto socket = sluice::tcp_start_connect(*sluice::Address::parse(service.address()));
    cr_assert(socket);
    cr_assert(wait_for(socket->get(), POLLOUT));
    const std::uint64_t before = service.counters().connections;
    cr_assert(run_until(reactor, [&] { return service.counters().connections > before; }));
    return std::move(*socket);
  }

  /// Until `done(got)`, or the end of the connection.
  template <class Done>
  std::string read(const sluice::Fd& client, Done done) {
    std::string got;
    cr_assert(run_until(reactor,
                        [&] { return read_some(client.get(), got) != Tail::more || done(got); }));
    return got;
  }

  std::string read_to_end(const sluice::Fd& client) {
    return read(client, [](const std::string&) { return false; });
  }

  /// One request, its head as it is, on a connection of its own.
  std::string ask(const std::string& request) {
    const sluice::Fd client = connect();
    send_text(client.get(), request);
    shutdown(client.get(), SHUT_WR);
    return read_to_end(client);
  }

  std::string get(const std::string& path, const std::string& host = "localhost") {
    return ask("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  }

  FakeClock clock;
  sluice::Reactor reactor;
  sluice::http::HttpService service;
};
