#include "protocols/tftp/client.h"

#include "protocols/tftp/tftp_service.h"
#include "reactor/log.h"
#include "tests/protocols/temp_directory.h"
#include "tests/protocols/tftp_peer.h"
#include "tests/support/fake_clock.h"

using namespace sluice;
using namespace sluice::tftp;
using namespace std::chrono_literals;
using Kind = Ended::Kind;

namespace {

/// A client and whoever it talks to on one loop.
struct Base {
  explicit Base(Clock* clock = nullptr) : reactor({.clock = clock}) {
    set_log_level(LogLevel::error);
  }
  void fetch(Client::Options options) {
    make(std::move(options));
    client->fetch(sink);
  }
  void store(Client::Options options, std::string contents) {
    make(std::move(options));
    client->store(source.emplace(std::move(contents)));
  }
  const Ended& end() {
    cr_assert(run_until(reactor, [this] { return ended.has_value(); }));
    return *ended;
  }
  void make(Client::Options options) {
    ended.reset();
    sink = StringSink();
    client = std::make_unique<Client>(reactor, std::move(options), [this](const Ended& how) {
      cr_assert(!ended);
      ended = how;
    });
  }

  Reactor reactor;
  StringSink sink;
  std::optional<StringSource> source;
  std::optional<Ended> ended;
  std::unique_ptr<Client> client;
};

/// With our server.
struct Fixture : Base {
  explicit Fixture(TftpService::Options options = {.writable = true}) {
    options.address = Address::loopback_v4(0);
    options.directory = directory.path();
    service.emplace(reactor, options);
    cr_assert(service->start());
    server = *Address::parse(service->address());
  }
  Client::Options with(const char* file) const { return {.server = server, .file = file}; }

  TempDirectory directory;
  std::optional<TftpService> service;
  Address server;
};

/// With a server played by hand; time stands still unless the test turns the clock.
struct ByHand : Base {
  explicit ByHand() : Base(&clock) {}
  Client::Options with(const char* file) const { return {.server = server.self(), .file = file}; }
  std::string request() { return server.get(reactor); }
  /// From a port of its own, as a server does.
  void reply(std::string_view packet) { transfer.send(server.from, packet); }

  FakeClock clock;
  Peer server, transfer;
};

}  // namespace

Test(tftp_client, fetches_what_it_stored_in_blocks_and_windows_of_every_kind) {
  Fixture f;
  for (const std::size_t size : {0, 1, 512, 1024, 65'464, 200'000}) {
    for (const unsigned block : {0, 8, 512, 1428, 65'464}) {
      if (block == 8 && size > 70'000) continue;
      for (const unsigned window : {1, 3, 16, 64}) {
        const std::string contents = pattern(size);
        Client::Options options = f.with("file");
        if (block != 0) options.block_size = static_cast<std::uint16_t>(block);
        options.window = static_cast<std::uint16_t>(window);
        options.size = size;
        f.store(options, contents);
        cr_assert(f.end().kind == Kind::whole, "%s", f.ended->sentence().c_str());
        cr_expect(f.ended->bytes == size);
        f.fetch(options);
        cr_assert(f.end().kind == Kind::whole, "%s", f.ended->sentence().c_str());
        cr_expect(f.ended->bytes == size);
        cr_expect(f.client->total() == size);
        cr_expect(f.client->bytes() == size);
        cr_expect(f.client->terms().block_size == (block == 0 ? 65'464 : block));
        cr_assert(f.sink.text == contents, "%zu %u %u", size, block, window);
        cr_assert(::unlink(f.directory.path("file").c_str()) == 0);
      }
    }
  }
}

Test(tftp_client, moves_many_megabytes) {
  Fixture f;
  const std::string contents = pattern(20'000'000);
  f.store(f.with("file"), contents);
  cr_assert(f.end().kind == Kind::whole, "%s", f.ended->sentence().c_str());
  cr_expect(f.directory.get("file") == contents);
  f.fetch(f.with("file"));
  cr_assert(f.end().kind == Kind::whole, "%s", f.ended->sentence().c_str());
  cr_expect(f.sink.text == contents);
}

Test(tftp_client, translates_lines_in_netascii) {
  Fixture f;
  Client::Options options = f.with("text");
  options.mode = Mode::netascii;
  options.size = 7;
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "line\r \n" + std::string(i % 40, 'x');
  f.store(options, text);
  cr_assert(f.end().kind == Kind::whole);
  cr_expect(f.directory.get("text") == text);
  f.fetch(options);
  cr_assert(f.end().kind == Kind::whole);
  cr_expect(f.sink.text == text);
  cr_expect(!f.client->total());
}

Test(tftp_client, hands_on_what_the_server_refuses) {
  Fixture f;
  f.fetch(f.with("missing"));
  cr_expect(f.end().kind == Kind::refused);
  cr_expect(f.ended->code == 1);
  cr_expect(f.ended->text == "no such file: missing");
  cr_expect(f.sink.finished == 0);
}

Test(tftp_client, tells_the_server_when_its_own_disk_fails) {
  Fixture f;
  f.directory.put("file", pattern(100'000));
  f.make(f.with("file"));
  f.sink.fails_with = ENOSPC;
  f.client->fetch(f.sink);
  cr_expect(f.end().kind == Kind::local);
  cr_expect(f.ended->error.code == ENOSPC);
  cr_assert(run_until(f.reactor, [&] { return f.service->active() == 0; }));
  cr_expect(f.service->counters().failures == 1);
}

Test(tftp_client, may_be_retired_in_its_last_call) {
  Fixture f;
  f.directory.put("file", "x");
  bool done = false;
  f.client = std::make_unique<Client>(f.reactor, f.with("file"), [&](const Ended&) {
    done = true;
    f.reactor.retire(std::move(f.client));
  });
  f.client->fetch(f.sink);
  cr_assert(run_until(f.reactor, [&] { return done; }));
  cr_expect(f.sink.text == "x");
}

Test(tftp_client, tells_the_server_when_it_is_aborted) {
  Fixture f;
  f.directory.put("file", pattern(1'000'000));
  Client::Options options = f.with("file");
  options.block_size = 512;
  options.window = 1;
  f.fetch(options);
  cr_assert(run_until(f.reactor, [&] { return f.client->bytes() > 10'000; }));
  f.client->abort();
  cr_expect(!f.ended);
  cr_expect(f.end().kind == Kind::aborted);
  cr_assert(run_until(f.reactor, [&] { return f.service->active() == 0; }));
  cr_expect(f.sink.finished == 0);
}

Test(tftp_client, asks_for_blocks_a_window_and_the_size) {
  ByHand f;
  f.fetch(f.with("file"));
  const std::string asked = f.request();
  cr_expect(asked.starts_with(wire::rrq("file")));
  const auto asks = [&asked](const std::vector<std::string>& option) {
    return asked.find('\0' + wire::fields(option)) != std::string::npos;
  };
  cr_expect(asks({"blksize", "65464"}));
  cr_expect(asks({"tsize", "0"}));
  cr_expect(asked.find("windowsize") != std::string::npos);
}

Test(tftp_client, asks_again_while_nobody_answers_and_gives_up_after_its_patience) {
  ByHand f;
  f.fetch(f.with("file"));
  const std::string asked = f.request();
  f.clock.advance(250ms);
  cr_expect(f.request() == asked);
  for (int i = 0; i < 20 && !f.ended; ++i) {
    f.clock.advance(1s);
    turn(f.reactor, 3);
  }
  cr_expect(f.end().kind == Kind::silent);
}

Test(tftp_client, ends_at_once_where_nobody_listens) {
  ByHand f;
  f.server.vanish();
  f.fetch(f.with("file"));
  cr_expect(f.end().kind == Kind::unreachable);
  cr_expect(f.ended->error.code == ECONNREFUSED);
}

Test(tftp_client, gets_along_with_a_server_that_knows_no_options) {
  ByHand f;
  f.fetch(f.with("file"));
  f.request();
  f.reply(wire::data(1, pattern(512)));
  cr_assert(f.transfer.get(f.reactor) == wire::ack(1));
  f.reply(wire::data(2, "end"));
  cr_assert(f.transfer.get(f.reactor) == wire::ack(2));
  cr_expect(f.end().kind == Kind::whole);
  cr_expect(f.sink.text == pattern(512) + "end");
  cr_expect(f.client->terms().block_size == 512);

  f.store(f.with("file"), pattern(512));
  f.request();
  f.reply(wire::ack(0));
  cr_assert(f.transfer.get(f.reactor) == wire::data(1, pattern(512)));
  f.reply(wire::ack(1));
  cr_assert(f.transfer.get(f.reactor) == wire::data(2, ""));
  f.reply(wire::ack(2));
  cr_expect(f.end().kind == Kind::whole);
}

Test(tftp_client, asks_without_options_when_they_are_refused) {
  for (const unsigned code : {8, 4}) {
    ByHand f;
    f.fetch(f.with("file"));
    cr_expect(f.request() != wire::rrq("file"));
    f.reply(wire::error(code, "options?"));
    cr_expect(f.request() == wire::rrq("file"));
    f.reply(wire::error(code, "still no"));
    cr_expect(f.end().kind == Kind::refused);
    cr_expect(f.ended->text == "still no");
  }
}

Test(tftp_client, acknowledges_the_options_again_when_the_server_missed_that) {
  ByHand f;
  Client::Options options = f.with("file");
  options.block_size = 1000;
  options.window = 1;
  f.fetch(options);
  f.request();
  f.reply(wire::oack({"blksize", "1000", "tsize", "4"}));
  cr_assert(f.transfer.get(f.reactor) == wire::ack(0));
  cr_expect(f.client->total() == 4u);
  f.reply(wire::oack({"blksize", "1000", "tsize", "4"}));
  cr_assert(f.transfer.get(f.reactor) == wire::ack(0));
  f.reply(wire::data(1, "file"));
  cr_assert(f.transfer.get(f.reactor) == wire::ack(1));
  cr_expect(f.end().kind == Kind::whole);
  f.reply(wire::data(1, "file"));  // it dallies for as long as it lives
  cr_assert(f.transfer.get(f.reactor) == wire::ack(1));
}

Test(tftp_client, refuses_options_that_it_did_not_ask_for) {
  for (const std::vector<std::string>& granted : {std::vector<std::string>{"blksize", "1001"},
                                                  {"windowsize", "17"},
                                                  {"rollover", "1"},
                                                  {"timeout", "3"}}) {
    ByHand f;
    Client::Options options = f.with("file");
    options.block_size = 1000;
    f.fetch(options);
    f.request();
    f.reply(wire::oack(granted));
    cr_expect(is_error(f.transfer.get(f.reactor), 8));
    cr_expect(f.end().kind == Kind::nonsense);
  }
}

Test(tftp_client, keeps_to_the_port_that_answered_first) {
  ByHand f;
  f.fetch(f.with("file"));
  f.request();
  Peer second, elsewhere("127.0.0.2");
  elsewhere.send(f.server.from, wire::data(1, "wrong"));
  cr_expect(is_error(elsewhere.get(f.reactor), 5));
  f.reply(wire::data(1, pattern(512)));
  cr_assert(f.transfer.get(f.reactor) == wire::ack(1));
  second.send(f.server.from, wire::data(2, "wrong"));
  cr_expect(is_error(second.get(f.reactor), 5));
  f.reply(wire::data(2, "right"));
  cr_assert(f.transfer.get(f.reactor) == wire::ack(2));
  cr_expect(f.end().kind == Kind::whole);
  cr_expect(f.sink.text == pattern(512) + "right");
}
