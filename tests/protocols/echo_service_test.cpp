#include "protocols/echo/echo_service.h"

#include <criterion/criterion.h>

#include "tests/support/loop.h"
#include "tests/support/sockets.h"

using namespace sluice;
using echo::EchoService;
using echo::Mode;

namespace {

struct Fixture {
  explicit Fixture(SelectorKind kind, Mode mode = Mode::concurrent)
      : reactor({.selector = kind}), service(reactor, Address::loopback_v4(0), mode) {
    set_log_level(LogLevel::error);
    cr_assert(service.start());
  }

  Fd client() {
    auto socket = tcp_start_connect(*Address::parse(service.address()));
    cr_assert(socket);
    cr_assert(wait_for(socket->get(), POLLOUT));
    return std::move(*socket);
  }

  /// What has come back once it is `size` bytes long, or less when that does not happen.
  std::string read_back(const Fd& from, std::size_t size) {
    std::string got;
    run_until(reactor,
              [&] { return read_some(from.get(), got) != Tail::more || got.size() >= size; });
    return got;
  }

  bool ends(const Fd& peer, Tail how = Tail::eof) {
    std::string rest;
    return run_until(reactor, [&] { return read_some(peer.get(), rest) == how; });
  }

  Reactor reactor;
  EchoService service;
};

}  // namespace

TestEachSelector(echo_service, sends_every_byte_back_and_counts_it) {
  Fixture f(kind);
  const Fd client = f.client();
  const std::string message("hello\0\xff\r\n", 9);
  send_text(client.get(), message);
  cr_expect(f.read_back(client, message.size()) == message);
  cr_expect(f.service.counters().connections == 1);
  cr_expect(f.service.counters().bytes_in == 9 && f.service.counters().bytes_out == 9);
  cr_expect(f.service.active() == 1);
}

TestEachSelector(echo_service, sends_what_is_owed_after_the_clients_fin) {
  Fixture f(kind);
  const Fd client = f.client();
  const std::size_t sent = fill(client.get());  // more than the kernel holds: some waits in us
  shutdown(client.get(), SHUT_WR);
  std::string got;
  cr_assert(run_until(f.reactor, [&] { return read_some(client.get(), got, 65536) == Tail::eof; }));
  cr_expect(got == std::string(sent, 'f'));
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 0; }));
  cr_expect(f.service.counters().failures == 0);
}

TestEachSelector(echo_service, counts_a_reset_as_a_failure_and_serves_the_others) {
  Fixture f(kind);
  Fd rude = f.client();
  const Fd client = f.client();
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 2; }));
  reset_connection(rude);
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 1; }));
  cr_expect(f.service.counters().failures == 1);
  send_text(client.get(), "still");
  cr_expect(f.read_back(client, 5) == "still");
}

TestEachSelector(echo_service, lets_the_second_wait_when_it_is_sequential) {
  Fixture f(kind, Mode::sequential);
  Fd first = f.client();
  const Fd second = f.client();
  send_text(second.get(), "2");
  send_text(first.get(), "1");
  cr_expect(f.read_back(first, 1) == "1");
  turn(f.reactor, 10);
  cr_expect(f.service.active() == 1, "the second is not taken yet");
  first.reset();
  cr_expect(f.read_back(second, 1) == "2");
}

TestEachSelector(echo_service, that_serves_once_is_finished_after_one_client) {
  Fixture f(kind, Mode::once);
  bool told = false;
  f.service.on_finished([&] { told = true; });
  Fd client = f.client();
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 1; }));
  cr_expect(!f.service.finished());
  client.reset();
  cr_assert(run_until(f.reactor, [&] { return told; }));
  cr_expect(f.service.finished());
  const auto late = tcp_start_connect(*Address::parse(f.service.address()));
  cr_assert(late);
  cr_assert(wait_for(late->get(), POLLOUT));
  cr_expect(!connect_result(late->get()), "it takes nobody any more");
}

TestEachSelector(echo_service, drains_idle_clients_and_tells_once_when_all_have_gone) {
  Fixture f(kind);
  int told = 0;
  f.service.on_finished([&] { ++told; });
  Fd client = f.client();
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 1; }));
  f.service.drain();
  f.service.drain();
  cr_expect(f.ends(client));
  client.reset();
  cr_assert(run_until(f.reactor, [&] { return told > 0; }));
  turn(f.reactor, 3);
  cr_expect(told == 1);
}

TestEachSelector(echo_service, resets_its_clients_when_it_is_aborted) {
  Fixture f(kind);
  const Fd client = f.client();
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 1; }));
  f.service.abort();
  cr_expect(f.service.finished());
  cr_expect(f.ends(client, Tail::reset));
}

Test(echo_service, says_why_it_cannot_start) {
  Fixture f(SelectorKind::epoll);
  EchoService second(f.reactor, *Address::parse(f.service.address()));
  const Started started = second.start();
  cr_assert(!started);
  cr_expect(started.error().find(f.service.address()) != std::string::npos);
  cr_expect(started.error().find("Address already in use") != std::string::npos);
}

Test(echo_service, knows_its_modes_by_name) {
  cr_expect(echo::parse_mode("concurrent") == Mode::concurrent);
  cr_expect(echo::parse_mode("sequential") == Mode::sequential);
  cr_expect(echo::parse_mode("once") == Mode::once);
  cr_expect(!echo::parse_mode("Once") && !echo::parse_mode(""));
}
