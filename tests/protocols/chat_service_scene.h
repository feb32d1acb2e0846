#pragma once

#include <criterion/criterion.h>

#include <memory>
#include <string>
#include <vector>

#include "protocols/chat/chat_service.h"
#include "reactor/log.h"
#include "reactor/text.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

/// The whole server in one process, on a clock that stands still unless the test turns it.
namespace chat_service_scene {

using namespace sluice;
using chat::ChatService;

struct Client {
  Fd fd;
  std::string got;
  Tail tail = Tail::more;

  void read() {
    if (tail == Tail::more) tail = read_some(fd.get(), got);
  }
  void send(std::string_view text) { send_text(fd.get(), text); }
};

inline ChatService::Options on_loopback(ChatService::Options options = {}) {
  options.address = Address::loopback_v4(0);
  return options;
}

struct Fixture {
  explicit Fixture(ChatService::Options options = {}, SelectorKind kind = SelectorKind::epoll)
      : reactor({.selector = kind, .clock = &clock}),
        service(reactor, on_loopback(std::move(options))) {
    set_log_level(LogLevel::error);
    cr_assert(service.start());
  }

  /// One that has been let in, or turned away.
  Client& client() {
    const auto before = service.counters().connections;
    auto socket = tcp_start_connect(*Address::parse(service.address()));
    cr_assert(socket);
    cr_assert(run_until(reactor, [&] { return service.counters().connections > before; }));
    clients.push_back(std::make_unique<Client>());
    clients.back()->fd = std::move(*socket);
    return *clients.back();
  }
  Client& named(const std::string& nick) {
    Client& made = client();
    made.send(concat("/nick ", nick, '\n'));
    cr_assert(gets(made, concat("* you are now ", nick, '\n')));
    made.got.clear();
    clock.advance(std::chrono::seconds(2));  // whoever hears of it has heard it
    settle();
    for (const auto& one : clients) one->got.clear();
    return made;
  }

  /// Whether that, and nothing else, comes.
  bool gets(Client& client, std::string_view all) {
    run_until(reactor, [&] {
      client.read();
      return client.tail != Tail::more || client.got.size() >= all.size();
    });
    settle();
    if (client.got != all) cr_log_error("got: %s", client.got.c_str());
    return client.got == all;
  }
  void settle() {
    turn(reactor, 4);
    for (const auto& one : clients) one->read();
  }
  /// Until the server has read so much.
  bool hears(std::uint64_t bytes) {
    return run_until(reactor, [&] { return service.counters().bytes_in >= bytes; });
  }
  bool ends(Client& client) {
    return run_until(reactor, [&] { return client.read(), client.tail == Tail::eof; });
  }

  FakeClock clock;
  Reactor reactor;
  ChatService service;
  std::vector<std::unique_ptr<Client>> clients;
};

inline std::string numbered(int first, int last) {
  std::string text;
  for (int i = first; i <= last; ++i) text += concat("line ", i, '\n');
  return text;
}

}  // namespace chat_service_scene
