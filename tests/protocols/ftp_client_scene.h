#pragma once

#include <criterion/criterion.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocols/ftp/client.h"
#include "tests/protocols/scripted_ftp_server.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"

/// What came of one operation of a Client.
template <class T>
struct Call {
  int calls = 0;
  std::optional<sluice::ftp::Answer<T>> answer;
};

/// Keeps a download; fails with `failing` once it has more than `room` bytes.
struct TextSink final : sluice::ftp::ByteSink {
  std::string text;
  std::size_t room = SIZE_MAX;
  int failing = ENOSPC;
  sluice::Result<void> write(std::span<const std::byte> bytes) override {
    text += sluice::as_text(bytes);
    if (text.size() > room) return sluice::fail("write", failing);
    return {};
  }
};

/// Gives a text; then fails if `failing` is not 0.
class TextSource final : public sluice::ftp::Source {
 public:
  explicit TextSource(std::string text, int failing = 0)
      : text_(std::move(text)), failing_(failing) {}
  sluice::Result<More> fill(std::vector<std::byte>& out) override {
    const auto piece = sluice::as_bytes(std::string_view(text_).substr(at_, 65536));
    at_ += piece.size();
    out.insert(out.end(), piece.begin(), piece.end());
    if (at_ < text_.size()) return More::yes;
    if (failing_ != 0) return sluice::fail("read", failing_);
    return More::no;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
  int failing_;
};

/// A Client and its server on one loop, whose time is the test's.
struct ClientScene {
  using Client = sluice::ftp::Client;
  using Reply = sluice::ftp::ServerReply;
  using Transferred = sluice::ftp::Transferred;
  using Failure = sluice::ftp::Failure;
  using Kind = Failure::Kind;
  template <class T>
  using Pending = std::shared_ptr<Call<T>>;

  explicit ClientScene(sluice::SelectorKind kind = sluice::SelectorKind::epoll)
      : reactor({.selector = kind, .clock = &clock}), server(reactor) {
    client = std::make_unique<Client>(reactor, Client::Options{});
  }

  /// A `done` that counts, and demands not to be called from inside `begin`.
  template <class T, class Begin>
  Pending<T> start(Begin&& begin) {
    auto call = std::make_shared<Call<T>>();
    beginning = true;
    begin([this, call](sluice::ftp::Answer<T> answer) {
      cr_expect(!beginning, "done from inside the call that begins it");
      ++call->calls;
      call->answer = std::move(answer);
    });
    beginning = false;
    return call;
  }

  Pending<Reply> connect() {
    return start<Reply>([&](auto done) { client->connect({server.address}, std::move(done)); });
  }
  Pending<Reply> login(Client::Login who = {}) {
    return start<Reply>([&](auto done) { client->login(std::move(who), std::move(done)); });
  }
  Pending<Reply> ask(std::string_view command) {
    return start<Reply>([&](auto done) { client->ask(command, std::move(done)); });
  }
  Pending<Transferred> retrieve(std::uint64_t offset = 0, std::string_view path = "file",
                                Client::Type type = Client::Type::binary) {
    return start<Transferred>(
        [&](auto done) { client->retrieve(path, type, offset, sink, std::move(done)); });
  }
  Pending<Transferred> store(sluice::ftp::Content content, std::uint64_t offset = 0,
                             std::string_view path = "file") {
    return start<Transferred>([&](auto done) {
      client->store(path, Client::Type::binary, Client::Store::replace, offset, std::move(content),
                    std::move(done));
    });
  }
  Pending<Transferred> store(std::string text, std::uint64_t offset = 0) {
    return store(std::make_unique<TextSource>(std::move(text)), offset);
  }
  Pending<sluice::ftp::Listed> list(std::string_view path = "") {
    return start<sluice::ftp::Listed>([&](auto done) {
      client->list(
          path, [this](const auto& entry) { names.push_back(entry.name); }, std::move(done));
    });
  }

  /// Waits for the end, which comes once, and well.
  template <class T>
  T well(const Pending<T>& call) {
    const auto& answer = wait(call);
    cr_assert(answer.has_value(), "%s", answer ? "" : answer.error().sentence().c_str());
    return *answer;
  }
  /// The same where it fails.
  template <class T>
  Failure failure(const Pending<T>& call) {
    const auto& answer = wait(call);
    cr_assert(!answer.has_value(), "it went well");
    return answer.error();
  }
  template <class T>
  void fails(const Pending<T>& call, Kind kind) {
    const Failure why = failure(call);
    cr_assert(why.kind == kind, "kind %d: %s", static_cast<int>(why.kind), why.sentence().c_str());
  }
  template <class T>
  const sluice::ftp::Answer<T>& wait(const Pending<T>& call) {
    cr_assert(run_until(reactor, [&] { return call->answer.has_value(); }), "it hangs");
    turn(reactor, 5);
    cr_assert(call->calls == 1, "done was called %d times", call->calls);
    return *call->answer;
  }
  /// Turns the loop until `done` is true.
  template <class Predicate>
  void until(Predicate done) {
    cr_assert(run_until(reactor, std::move(done)), "it hangs");
  }
  void pass(sluice::Duration time) {
    turn(reactor, 5);
    clock.advance(time);
    turn(reactor, 5);
  }

  /// Connected and logged in.
  void ready() {
    well(connect());
    well(login());
  }
  /// The session is as good as before.
  void expect_alive() {
    cr_expect(client->connected());
    server.on("NOOP", "200 alive");
    cr_expect(well(ask("NOOP")).text() == "alive");
  }
  /// A download works, and gives what the server has.
  void expect_whole() {
    sink = {};
    well(retrieve());
    cr_expect(sink.text == server.content);
  }

  FakeClock clock;
  sluice::Reactor reactor;
  ScriptedFtpServer server;
  TextSink sink;
  std::vector<std::string> names;  ///< of list()
  bool beginning = false;
  std::unique_ptr<Client> client;
};
