// Answers that are not there at once: long ones, and those that come later.

#include "tests/protocols/http_scene.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

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

struct TalkScene : HttpScene {
  explicit TalkScene(SelectorKind kind = SelectorKind::epoll) : HttpScene(kind) {
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

struct PromiseScene : HttpScene {
  explicit PromiseScene(SelectorKind kind = SelectorKind::epoll) : HttpScene(kind) {
    service.routes().add("/later", [this](const http::Request&) {
      return http::Answer(std::make_unique<Promise>(promise));
    });
    service.routes().add(
        "/hasty", [](const http::Request&) { return http::Answer(std::make_unique<Hasty>()); });
  }
  ~PromiseScene() { service.abort(); }

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

TestEachSelector(http_long_answer, follows_its_head_and_ends_the_connection) {
  TalkScene f(kind);
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
  TalkScene f(kind);
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
  TalkScene f(kind);
  Fd client = f.connect();
  send_text(client.get(), kTalk);
  cr_assert(run_until(f.reactor, [&] { return f.talk != nullptr; }));
  reset_connection(client);
  cr_assert(run_until(f.reactor, [&] { return f.talk == nullptr; }));
  // There is no other way to end it, so nothing has failed.
  cr_expect(f.service.counters().failures == 0);
}

TestEachSelector(http_long_answer, ends_with_the_server) {
  TalkScene f(kind);
  const Fd client = f.connect();
  send_text(client.get(), kTalk);
  cr_assert(run_until(f.reactor, [&] { return f.talk != nullptr; }));
  f.service.drain();
  cr_expect(f.talk == nullptr);
  cr_expect(f.read_to_end(client).ends_with("head|"));
}

Test(http_long_answer, is_not_begun_for_head) {
  TalkScene f;
  const std::string got = f.ask("HEAD /talk HTTP/1.1\r\nHost: localhost\r\n\r\n");
  cr_expect(got.starts_with("HTTP/1.1 200 ") && got.ends_with("\r\n\r\n"));
  cr_expect(got.contains("Connection: close\r\n") && !got.contains("Content-Length"));
  cr_expect(f.talk == nullptr);
}

TestEachSelector(http_later_answer, has_a_length_and_leaves_the_connection_open) {
  PromiseScene f(kind);
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
  PromiseScene f(kind);
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
  PromiseScene f(kind);
  const std::string hasty = "GET /hasty HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += hasty;
  const std::string got = f.ask(requests);
  cr_expect(count(got, "hasty") == 100);
}

TestEachSelector(http_later_answer, comes_to_who_has_ended_its_sending) {
  PromiseScene f(kind);
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
  PromiseScene f(kind);
  Fd client = f.connect();
  send_text(client.get(), kLater);
  f.next();
  reset_connection(client);
  cr_assert(run_until(f.reactor, [&] { return f.promise == nullptr; }));
  cr_expect(f.service.active() == 0 && f.service.counters().failures == 1);
}

TestEachSelector(http_later_answer, is_waited_for_by_a_drain) {
  PromiseScene f(kind);
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
  PromiseScene f;
  const Fd client = f.connect();
  send_text(client.get(), "HEAD /later HTTP/1.1\r\nHost: localhost\r\n\r\n" + kGet);
  f.next()->keep("kept");
  const std::string got =
      f.read(client, [](const std::string& text) { return text.ends_with("ok\n"); });
  cr_expect(got.contains("Content-Length: 4\r\n") && !got.contains("kept"));
}
