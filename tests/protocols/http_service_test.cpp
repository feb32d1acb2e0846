#include "protocols/http/http_service.h"

#include <criterion/criterion.h>

#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

const std::string kGet = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct Fixture {
  explicit Fixture(SelectorKind kind = SelectorKind::epoll, http::HttpService::Options options = {})
      : reactor({.selector = kind, .clock = &clock}),
        service(reactor, local(std::move(options)), [] {
          return std::vector<http::ServiceState>{
              {.name = "ftp",
               .address = "127.0.0.1:21",
               .trouble = {},
               .counters = {.connections = 3, .failures = 1, .bytes_in = 5, .bytes_out = 7}},
              {.name = "we\"ird", .address = "-", .trouble = "not <started>"}};
        }) {
    set_log_level(LogLevel::error);
    cr_assert(service.start());
  }

  static http::HttpService::Options local(http::HttpService::Options options) {
    options.address = Address::loopback_v4(0);
    return options;
  }

  Fd connect() {
    auto socket = tcp_start_connect(*Address::parse(service.address()));
    cr_assert(socket);
    cr_assert(wait_for(socket->get(), POLLOUT));
    const std::uint64_t before = service.counters().connections;
    cr_assert(run_until(reactor, [&] { return service.counters().connections > before; }));
    return std::move(*socket);
  }

  /// Until `done(got)`, or the end of the connection.
  template <class Done>
  std::string read(const Fd& client, Done done) {
    std::string got;
    cr_assert(run_until(reactor,
                        [&] { return read_some(client.get(), got) != Tail::more || done(got); }));
    return got;
  }

  std::string read_to_end(const Fd& client) {
    return read(client, [](const std::string&) { return false; });
  }

  /// One request, its head as it is, on a connection of its own.
  std::string ask(const std::string& request) {
    const Fd client = connect();
    send_text(client.get(), request);
    shutdown(client.get(), SHUT_WR);
    return read_to_end(client);
  }

  std::string get(const std::string& path, const std::string& host = "localhost") {
    return ask("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  }

  FakeClock clock;
  Reactor reactor;
  http::HttpService service;
};

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// Says what it is told, and when it ends.
class Talk final : public http::LongAnswer {
 public:
  explicit Talk(Talk*& there) : there_(&there) { *there_ = this; }
  ~Talk() override { *there_ = nullptr; }
  void begin(Stream& stream, ServiceCounters& counters) override {
    stream_ = &stream;
    counters_ = &counters;
  }
  void on_backpressure(bool on) noexcept override { pressed = on; }
  void on_drained() noexcept override { drained = true; }
  void say(std::string_view text) {
    counters_->bytes_out += text.size();
    stream_->write(text);
  }
  void end() { stream_->close(); }

  bool pressed = false;
  bool drained = false;

 private:
  Talk** there_;
  Stream* stream_ = nullptr;
  ServiceCounters* counters_ = nullptr;
};

struct TalkFixture : Fixture {
  explicit TalkFixture(SelectorKind kind = SelectorKind::epoll) : Fixture(kind) {
    service.routes().add("/talk", [this](const http::Request&) -> http::Answer {
      return {http::Response{.body = "head|"}, std::make_unique<Talk>(talk)};
    });
  }
  Talk* talk = nullptr;
};

/// Answers when it is told to.
class Promise final : public http::LaterAnswer {
 public:
  explicit Promise(Promise*& there) : there_(&there) { *there_ = this; }
  ~Promise() override {
    if (*there_ == this) *there_ = nullptr;
  }
  void begin(Reply reply) override { reply_ = std::move(reply); }
  void keep(std::string body) { reply_(http::Response{.body = std::move(body)}); }

 private:
  Promise** there_;
  Reply reply_;
};

/// Answers before it is left alone.
class Hasty final : public http::LaterAnswer {
 public:
  void begin(Reply reply) override { reply(http::Response{.body = "hasty"}); }
};

struct PromiseFixture : Fixture {
  explicit PromiseFixture(SelectorKind kind = SelectorKind::epoll) : Fixture(kind) {
    service.routes().add("/later", [this](const http::Request&) {
      return http::Answer(std::make_unique<Promise>(promise));
    });
    service.routes().add(
        "/hasty", [](const http::Request&) { return http::Answer(std::make_unique<Hasty>()); });
  }
  ~PromiseFixture() { service.abort(); }

  /// Until the next request has come to its handler.
  Promise* next() {
    Promise* const old = promise;
    cr_assert(run_until(reactor, [&] { return promise && promise != old; }));
    return promise;
  }

  Promise* promise = nullptr;
};

const std::string kLater = "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n";

const std::string kTalk = "GET /talk HTTP/1.1\r\nHost: localhost\r\n\r\n";

}  // namespace

TestEachSelector(http_service, answers_pipelined_requests_in_order) {
  Fixture f(kind);
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += "GET /" + std::to_string(i) + " HTTP/1.1\nHost: h\n\n";
  const Fd client = f.connect();
  send_text(client.get(), requests + "GET / HTTP/1.0\n\n");
  f.service.routes().add("/",
                         [](const http::Request&) { return http::Response{.body = "the end"}; });
  const std::string got = f.read_to_end(client);
  std::size_t at = 0;
  for (int i = 0; i < 100; ++i) {
    // `h` is not a name of this machine, but all of them were answered.
    at = got.find("421 Misdirected", at + 1);
    cr_assert(at != got.npos);
  }
  cr_expect(got.ends_with("the end"));
}

TestEachSelector(http_service, keeps_the_order_of_what_many_turns_answer) {
  Fixture f(kind);
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
  Fixture f(kind);
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
  Fixture f(kind);
  cr_expect(f.get("/healthz").ends_with("\r\n\r\nok\n"));
  cr_expect(f.ask("GET /heal").starts_with("HTTP/1.1 400 "));
  cr_expect(f.ask("").empty());
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 0; }));
}

Test(http_service, says_what_is_wrong) {
  Fixture f;
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
  Fixture f;
  const std::string head = f.ask("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  cr_expect(head.contains("Content-Length: 3\r\n") && head.ends_with("\r\n\r\n"));
}

Test(http_service, answers_before_a_body_that_waits_for_it) {
  Fixture f;
  const Fd client = f.connect();
  send_text(
      client.get(),
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
  const std::string got = f.read_to_end(client);
  cr_expect(got.starts_with("HTTP/1.1 405 ") && got.contains("Connection: close\r\n"));
}

Test(http_service, is_not_called_by_a_foreign_name_on_loopback) {
  Fixture f(SelectorKind::epoll, {.names = {"Box.example"}});
  cr_expect(f.get("/healthz", "evil.example").starts_with("HTTP/1.1 421 "));
  cr_expect(f.get("http://evil.example/healthz").starts_with("HTTP/1.1 421 "));
  for (const char* good : {"localhost:1", "127.0.0.1", "[::1]:5", "box.EXAMPLE:80"}) {
    cr_expect(f.get("/healthz", good).starts_with("HTTP/1.1 200 "), "%s", good);
  }
}

Test(http_service, lists_the_services_for_people_and_programs) {
  Fixture f;
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
  Fixture f(kind);
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
  Fixture f(kind, {.max_clients = 3});
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
  Fixture f(kind);
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
  Fixture f(kind);
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

TestEachSelector(http_long_answer, follows_its_head_and_ends_the_connection) {
  TalkFixture f(kind);
  const Fd client = f.connect();
  send_text(client.get(), kTalk + kGet);
  cr_assert(run_until(f.reactor, [&] { return f.talk != nullptr; }));
  f.talk->say("one|");
  shutdown(client.get(), SHUT_WR);  // it still reads
  turn(f.reactor, 5);
  cr_assert(f.talk != nullptr);
  f.talk->say("two");
  f.talk->end();
  const std::string got = f.read_to_end(client);
  cr_expect(got.ends_with("\r\n\r\nhead|one|two"));
  cr_expect(got.contains("Connection: close\r\n") && !got.contains("Content-Length"));
  cr_assert(run_until(f.reactor, [&] { return f.talk == nullptr; }));
  cr_expect(f.service.counters().bytes_out == got.size());
}

TestEachSelector(http_long_answer, hears_when_its_client_does_not_read) {
  TalkFixture f(kind);
  const Fd client = f.connect();
  send_text(client.get(), kTalk);
  cr_assert(run_until(f.reactor, [&] { return f.talk != nullptr; }));
  const std::string piece(65536, 'p');
  for (int i = 0; i < 1000 && !f.talk->pressed; ++i) f.talk->say(piece);
  cr_assert(f.talk->pressed);
  std::string got;
  cr_assert(run_until(f.reactor, [&] {
    got.clear();
    read_some(client.get(), got);
    return f.talk->drained;
  }));
  cr_expect(!f.talk->pressed);
}

TestEachSelector(http_long_answer, is_gone_when_its_client_is) {
  TalkFixture f(kind);
  Fd client = f.connect();
  send_text(client.get(), kTalk);
  cr_assert(run_until(f.reactor, [&] { return f.talk != nullptr; }));
  reset_connection(client);
  cr_assert(run_until(f.reactor, [&] { return f.talk == nullptr; }));
}

TestEachSelector(http_long_answer, ends_with_the_server) {
  TalkFixture f(kind);
  const Fd client = f.connect();
  send_text(client.get(), kTalk);
  cr_assert(run_until(f.reactor, [&] { return f.talk != nullptr; }));
  f.service.drain();
  cr_expect(f.talk == nullptr);
  cr_expect(f.read_to_end(client).ends_with("head|"));
}

Test(http_long_answer, is_not_begun_for_head) {
  TalkFixture f;
  const std::string got = f.ask("HEAD /talk HTTP/1.1\r\nHost: localhost\r\n\r\n");
  cr_expect(got.starts_with("HTTP/1.1 200 ") && got.ends_with("\r\n\r\n"));
  cr_expect(got.contains("Connection: close\r\n") && !got.contains("Content-Length"));
  cr_expect(f.talk == nullptr);
}

TestEachSelector(http_later_answer, has_a_length_and_leaves_the_connection_open) {
  PromiseFixture f(kind);
  const Fd client = f.connect();
  for (int round = 0; round < 3; ++round) {
    send_text(client.get(), kLater);
    Promise* const promise = f.next();
    f.clock.advance(1h);  // no other time runs meanwhile
    turn(f.reactor, 3);
    cr_assert(f.promise == promise);
    promise->keep("kept");
    const std::string got =
        f.read(client, [](const std::string& text) { return text.ends_with("kept"); });
    cr_expect(got.contains("Content-Length: 4\r\n") && !got.contains("Connection:"));
    cr_assert(run_until(f.reactor, [&] { return f.promise == nullptr; }));
  }
  cr_expect(f.service.counters().connections == 1);
}

TestEachSelector(http_later_answer, holds_back_the_requests_behind_it) {
  PromiseFixture f(kind);
  const Fd client = f.connect();
  send_text(client.get(), kLater + kGet + kLater);
  f.next();
  send_text(client.get(), "GET /ne");
  turn(f.reactor, 5);
  send_text(client.get(), "xt HTTP/1.1\r\nHost: localhost\r\n\r\n");
  turn(f.reactor, 5);
  std::string early;
  cr_expect(read_some(client.get(), early) == Tail::more && early.empty());
  f.promise->keep("first|");
  f.next()->keep("second|");
  const std::string got =
      f.read(client, [](const std::string& text) { return text.contains("no /next\n"); });
  const std::size_t first = got.find("first|"), ok = got.find("ok\n"), second = got.find("second|");
  cr_expect(first < ok && ok < second && second < got.find("no /next"));
}

TestEachSelector(http_later_answer, may_come_at_once) {
  PromiseFixture f(kind);
  const std::string hasty = "GET /hasty HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += hasty;
  const std::string got = f.ask(requests);
  cr_expect(count(got, "hasty") == 100);
}

TestEachSelector(http_later_answer, comes_to_who_has_ended_its_sending) {
  PromiseFixture f(kind);
  const Fd client = f.connect();
  send_text(client.get(), kLater);
  shutdown(client.get(), SHUT_WR);
  f.next();
  turn(f.reactor, 5);
  f.promise->keep("kept");
  const std::string got = f.read_to_end(client);
  cr_expect(got.ends_with("kept") && got.contains("Connection: close\r\n"));
}

TestEachSelector(http_later_answer, is_gone_when_its_client_is) {
  PromiseFixture f(kind);
  Fd client = f.connect();
  send_text(client.get(), kLater);
  f.next();
  reset_connection(client);
  cr_assert(run_until(f.reactor, [&] { return f.promise == nullptr; }));
  cr_expect(f.service.active() == 0);
}

TestEachSelector(http_later_answer, is_waited_for_by_a_drain) {
  PromiseFixture f(kind);
  const Fd client = f.connect();
  send_text(client.get(), kLater + kGet);
  f.next();
  f.service.drain();
  turn(f.reactor, 5);
  cr_assert(f.promise != nullptr && !f.service.finished());
  f.promise->keep("kept");
  const std::string got = f.read_to_end(client);
  cr_expect(got.ends_with("kept") && got.contains("Connection: close\r\n"));
}

Test(http_later_answer, sends_no_body_for_head) {
  PromiseFixture f;
  const Fd client = f.connect();
  send_text(client.get(), "HEAD /later HTTP/1.1\r\nHost: localhost\r\n\r\n" + kGet);
  f.next()->keep("kept");
  const std::string got =
      f.read(client, [](const std::string& text) { return text.ends_with("ok\n"); });
  cr_expect(got.contains("Content-Length: 4\r\n") && !got.contains("kept"));
}

Test(http_service, shows_what_other_modules_add) {
  Fixture f;
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
