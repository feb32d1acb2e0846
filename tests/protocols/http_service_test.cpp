#include "tests/protocols/http_scene.h"

using namespace sluice;
using namespace std::chrono_literals;

TestEachSelector(http_service, answers_pipelined_requests_in_order) {
  HttpScene f(kind);
  std::string requests;
  for (int i = 0; i < 100; ++i)
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\nHost: h.example\n\n";
  const Fd client = f.connect();
  send_text(client.get(), requests + "GET / HTTP/1.0\n\n");
  f.service.routes().add("/",
                         [](const http::Request&) { return http::Response{.body = "the end"}; });
  const std::string got = f.read_to_end(client);
  std::size_t at = 0;
  for (int i = 0; i < 100; ++i) {
    // `h.example` is not a name of this machine, but all of them were answered.
    at = got.find("421 Misdirected", at + 1);
    cr_assert(at != got.npos);
  }
  cr_expect(got.ends_with("the end"));
}

TestEachSelector(http_service, keeps_the_order_of_what_many_turns_answer) {
  HttpScene f(kind);
  std::string requests;
  for (int i = 100; i < 300; ++i) {
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\nHost: localhost\n\n";
  }
  const Fd client = f.connect();
  send_text(client.get(), requests);
  const std::string got =
      f.read(client, [](const std::string& text) { return text.contains("there is no /299\n"); });
  std::size_t at = 0;
  for (int i = 100; i < 300; ++i) {
    at = got.find("there is no /" + std::to_string(i), at);
    cr_assert(at != got.npos, "%d", i);
  }
}

TestEachSelector(http_service, keeps_a_connection_and_takes_a_request_a_byte_at_a_time) {
  HttpScene f(kind);
  const Fd client = f.connect();
  for (int round = 0; round < 2; ++round) {
    for (const char letter : kGet) {
      send_text(client.get(), std::string(1, letter));
      turn(f.reactor, 2);
    }
    cr_expect(f.read(client, [](const std::string& text) {
                 return text.ends_with("ok\n");
               }).starts_with("HTTP/1.1 200 OK\r\n"));
  }
  cr_expect(f.service.counters().connections == 1);
  cr_expect(f.service.counters().failures == 0);
}

TestEachSelector(http_service, answers_a_client_that_has_ended_its_sending) {
  HttpScene f(kind);
  cr_expect(f.get("/healthz").ends_with("\r\n\r\nok\n"));
  cr_expect(f.ask("GET /heal").starts_with("HTTP/1.1 400 "));
  cr_expect(f.ask("").empty());
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 0; }));
}

Test(http_service, says_what_is_wrong) {
  HttpScene f;
  cr_expect(f.get("/nowhere").ends_with("404 Not Found: there is no /nowhere\n"));
  const std::string post =
      f.ask("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi");
  cr_expect(post.starts_with("HTTP/1.1 405 ") && post.contains("\r\nAllow: GET, HEAD\r\n"));
  cr_expect(!post.contains("Connection: close"));
  cr_expect(f.ask("BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 501 "));
  cr_expect(f.ask("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 405 "));
  cr_expect(
      f.ask("CONNECT [::1]:1 HTTP/1.1\r\nHost: [::1]:1\r\n\r\n").starts_with("HTTP/1.1 405 "));
  cr_expect(f.service.counters().failures == 0);
  const std::string bad = f.ask("GET / HTTP/1.1\r\n\r\n" + kGet);
  cr_expect(bad.starts_with("HTTP/1.1 400 ") && count(bad, "\r\nDate: ") == 1);
  cr_expect(bad.contains("Connection: close\r\n"));
  cr_expect(f.service.counters().failures == 1);
}

Test(http_service, sends_no_body_for_head) {
  HttpScene f;
  const std::string head = f.ask("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  cr_expect(head.contains("Content-Length: 3\r\n") && head.ends_with("\r\n\r\n"));
}

Test(http_service, answers_before_a_body_that_waits_for_it) {
  HttpScene f;
  const Fd client = f.connect();
  send_text(
      client.get(),
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
  const std::string got = f.read_to_end(client);
  cr_expect(got.starts_with("HTTP/1.1 405 ") && got.contains("Connection: close\r\n"));
}

Test(http_service, is_not_called_by_a_foreign_name_on_loopback) {
  HttpScene f(SelectorKind::epoll, {.names = {"Box.example"}});
  cr_expect(f.get("/healthz", "evil.example").starts_with("HTTP/1.1 421 "));
  cr_expect(f.get("http://evil.example/healthz").starts_with("HTTP/1.1 421 "));
  for (const char* good : {"localhost:1", "127.0.0.1", "[::1]:5", "box.EXAMPLE:80"}) {
    cr_expect(f.get("/healthz", good).starts_with("HTTP/1.1 200 "), "%s", good);
  }
}

Test(http_service, lists_the_services_for_people_and_programs) {
  HttpScene f;
  const std::string metrics = f.get("/metrics");
  cr_expect(metrics.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  for (const char* line :
       {"\n# TYPE sluice_connections_total counter\n",
        "\nsluice_connections_total{service=\"ftp\"} 3\n",
        "\nsluice_failures_total{service=\"ftp\"} 1\n",
        "\nsluice_received_bytes_total{service=\"ftp\"} 5\n",
        "\nsluice_sent_bytes_total{service=\"ftp\"} 7\n",
        "\nsluice_service_up{service=\"ftp\"} 1\n",
        "\nsluice_service_up{service=\"we\\\"ird\"} 0\n", "\nsluice_reactor_turns_total ",
        "\nsluice_reactor_busy_seconds_total ", "\nprocess_open_fds "}) {
    cr_expect(metrics.contains(line), "%s", line);
  }
  const std::string json = f.get("/services.json");
  cr_expect(
      json.contains("{\"name\":\"ftp\",\"address\":\"127.0.0.1:21\",\"trouble\":\"\","
                    "\"connections\":3,\"failures\":1,\"bytes_in\":5,\"bytes_out\":7}"));
  const std::string page = f.get("/");
  cr_expect(page.contains("Content-Security-Policy: default-src 'none'"));
  cr_expect(page.contains("<small>127.0.0.1:21</small>"));
  cr_expect(page.contains("not &lt;started&gt;"));
}

TestEachSelector(http_service, ends_who_is_late_with_a_request_and_who_asks_no_more) {
  HttpScene f(kind);
  const Fd silent = f.connect();
  const Fd late = f.connect();
  const Fd idle = f.connect();
  send_text(late.get(), "GET /");
  send_text(idle.get(), kGet);
  (void)f.read(idle, [](const std::string& text) { return text.ends_with("ok\n"); });
  f.clock.advance(9s);
  turn(f.reactor, 3);
  std::string got;
  send_text(late.get(), "h");  // which gives it no more time
  turn(f.reactor, 3);
  cr_expect(read_some(late.get(), got) == Tail::more);
  f.clock.advance(1s);
  cr_expect(f.read_to_end(late).starts_with("HTTP/1.1 408 "));
  cr_expect(f.read_to_end(silent).empty());
  cr_expect(read_some(idle.get(), got) == Tail::more);
  f.clock.advance(49s);
  turn(f.reactor, 3);
  cr_expect(read_some(idle.get(), got) == Tail::more);
  f.clock.advance(1s);
  cr_expect(f.read_to_end(idle).empty());
}

TestEachSelector(http_service, makes_room_for_who_wants_something) {
  HttpScene f(kind, {.max_clients = 3});
  Fd first = f.connect();
  send_text(first.get(), kGet);
  (void)f.read(first, [](const std::string& text) { return text.ends_with("ok\n"); });
  const Fd second = f.connect();
  send_text(second.get(), "GET /");
  turn(f.reactor, 3);
  const Fd third = f.connect();  // now it is full, and the first has to go
  cr_expect(f.read_to_end(first).empty());
  first.reset();
  send_text(second.get(), "healthz HTTP/1.0\r\n\r\n");
  cr_expect(f.read_to_end(second).ends_with("ok\n"));
  cr_expect(f.get("/healthz").ends_with("ok\n"));
}

TestEachSelector(http_service, does_not_read_on_from_who_does_not_read) {
  HttpScene f(kind);
  const Fd client = f.connect();
  std::string requests;
  for (int i = 0; i < 2000; ++i) requests += "GET /metrics HTTP/1.1\nHost: localhost\n\n";
  std::size_t sent = 0, quiet = 0;
  while (quiet < 200 && sent < 100 * requests.size()) {
    const auto rest = requests.substr(sent % requests.size());
    const ssize_t taken = send(client.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (taken > 0) sent += static_cast<std::size_t>(taken);
    quiet = taken > 0 ? 0 : quiet + 1;
    turn(f.reactor);
  }
  cr_expect(sent < 100 * requests.size());
  const std::uint64_t stuck = f.service.counters().bytes_in;
  std::string got;
  cr_assert(run_until(f.reactor, [&] {
    got.clear();
    cr_assert(read_some(client.get(), got) == Tail::more);
    return f.service.counters().bytes_in > stuck;
  }));
  cr_expect(f.service.counters().failures == 0);
}

TestEachSelector(http_service, finishes_what_has_begun_when_it_is_to_stop) {
  HttpScene f(kind);
  const Fd idle = f.connect();
  const Fd busy = f.connect();
  send_text(busy.get(), kGet.substr(0, 10));
  cr_assert(run_until(f.reactor, [&] { return f.service.counters().bytes_in == 10; }));
  f.service.drain();
  cr_expect(f.read_to_end(idle).empty());
  cr_expect(!f.service.finished());
  send_text(busy.get(), kGet.substr(10));
  const std::string got = f.read_to_end(busy);
  cr_expect(got.starts_with("HTTP/1.1 503 ") && got.contains("Connection: close\r\n"));
}

Test(http_service, shows_what_other_modules_add) {
  HttpScene f;
  f.service.routes().add_metrics([](http::MetricsText& text) {
    text.head("others", "gauge", "What others add.");
    text.sample("others", "which", "a\"b", 5);
  });
  f.service.routes().add_picture(
      {.path = "/a.jpg?\"", .alt = "<alt>", .note = [] { return std::string("note & \"more\""); }});
  cr_expect(f.get("/metrics").contains("# TYPE others gauge\nothers{which=\"a\\\"b\"} 5\n"));
  cr_expect(f.get("/services.json")
                .contains("\"pictures\":[{\"path\":\"/a.jpg?\\\"\",\"alt\":\"<alt>\","
                          "\"note\":\"note & \\\"more\\\"\"}]"));
  const std::string page = f.get("/");
  cr_expect(page.contains("<img src=\"/a.jpg?&quot;\" alt=\"&lt;alt&gt;\">"));
  cr_expect(page.contains("<figcaption>note &amp; &quot;more&quot;</figcaption>"));
}
