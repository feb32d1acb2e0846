#include "protocols/ftp/data_port.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "reactor/log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/no_descriptors.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace sluice::ftp;
using namespace std::chrono_literals;

namespace {

Address at(const std::string& text) {
  auto address = Address::parse(text);
  cr_assert(address, "%s", text.c_str());
  return *address;
}

/// A data port of a session whose client is at 127.0.0.1.
struct Scene {
  explicit Scene(SelectorKind kind = SelectorKind::epoll,
                 const Address& local = Address::loopback_v4(21),
                 const Address& peer = Address::loopback_v4(4444))
      : reactor({.selector = kind, .clock = &clock}) {
    set_log_level(LogLevel::error);
    port = std::make_unique<DataPort>(reactor, local, peer);
  }

  Address listen(PortRange range = {}) {
    auto address = port->listen(range);
    cr_assert(address, "%s", address.error().message().c_str());
    return *address;
  }
  std::optional<Fd> connect(Duration patience = 30s) {
    return port->connect(patience, [this](Result<Fd> result) {
      ++calls;
      got = std::move(result);
    });
  }
  bool wait() {
    return run_until(reactor, [&] { return got.has_value(); });
  }

  FakeClock clock;
  Reactor reactor;
  std::unique_ptr<DataPort> port;
  std::optional<Result<Fd>> got;
  int calls = 0;
};

/// A client's call, from its own address or from another.
Fd call(const Address& address, const Address& from = Address::loopback_v4(0)) {
  auto socket = tcp_start_connect(address, from);
  cr_assert(socket, "%s", socket.error().message().c_str());
  cr_assert(wait_for(socket->get(), POLLOUT));
  return std::move(*socket);
}

bool refused(const Address& address) {
  auto socket = tcp_start_connect(address);
  return !socket || !wait_for(socket->get(), POLLOUT) || !connect_result(socket->get());
}

bool are_one_connection(const Fd& ours, const Fd& theirs) {
  send_text(theirs.get(), "x");
  std::string text;
  return wait_for(ours.get(), POLLIN) && read_some(ours.get(), text) == Tail::more && text == "x";
}

Address local_of(const Fd& socket) {
  auto address = Address::local_of(socket.get());
  cr_assert(address);
  return *address;
}

/// A port that is ours for as long as this lives: others get it only by name and with SO_REUSEADDR.
Fd hold_port() {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  cr_assert(socket);
  set_int(socket.get(), SO_REUSEADDR, 1);
  const Address any = Address::loopback_v4(0);
  cr_assert(::bind(socket.get(), any.data(), any.size()) == 0);
  return socket;
}

Fd listen_somewhere() {
  auto socket = tcp_listen(Address::loopback_v4(0));
  cr_assert(socket);
  return std::move(*socket);
}

/// A range of which all ports but one are in use.
struct Neighbours {
  static constexpr std::uint16_t kCount = 30;

  Neighbours() {
    do {
      first =
          static_cast<std::uint16_t>(20'000 + random() % 10'000);  // where no client's port lies
    } while (!take());
    last = static_cast<std::uint16_t>(first + kCount - 1);
  }
  bool take() {
    taken.clear();
    free = static_cast<std::uint16_t>(first + random() % kCount);
    for (std::uint16_t i = 0; i < kCount; ++i) {
      const auto port = static_cast<std::uint16_t>(first + i);
      if (port == free) continue;
      auto socket = tcp_listen(Address::loopback_v4(port));
      if (!socket) return false;
      taken.push_back(std::move(*socket));
    }
    return static_cast<bool>(tcp_listen(Address::loopback_v4(free)));
  }

  std::random_device random;
  std::vector<Fd> taken;
  std::uint16_t first = 0, last = 0, free = 0;
};

Fd accept_from(const Fd& listener) {
  cr_assert(wait_for(listener.get(), POLLIN));
  return Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

}  // namespace

// --- we listen -----------------------------------------------------------------------------------

TestEachSelector(ftp_data_port, gives_who_called_before_he_was_asked_for_at_once) {
  Scene scene(kind);
  const Address address = scene.listen();
  cr_expect(address.same_host(Address::loopback_v4(0)) && address.port() != 0);
  cr_expect(scene.port->ready());
  const Fd client = call(address);
  turn(scene.reactor, 3);
  cr_expect(scene.port->ready());
  const auto socket = scene.connect();
  cr_assert(socket);
  cr_expect(are_one_connection(*socket, client));
  cr_expect(!scene.port->ready() && scene.calls == 0);
}

Test(ftp_data_port, finds_who_called_in_this_very_turn) {
  Scene scene;
  const Fd client = call(scene.listen());
  const auto socket = scene.connect();
  cr_assert(socket);
  cr_expect(are_one_connection(*socket, client));
}

TestEachSelector(ftp_data_port, waits_for_who_has_not_called_yet) {
  Scene scene(kind);
  const Address address = scene.listen();
  cr_expect(!scene.connect());
  turn(scene.reactor, 3);
  cr_expect(!scene.got);
  const Fd client = call(address);
  cr_assert(scene.wait());
  cr_assert(*scene.got);
  cr_expect(are_one_connection(**scene.got, client));
  turn(scene.reactor, 3);
  cr_expect(scene.calls == 1 && !scene.port->ready());
}

TestEachSelector(ftp_data_port, sends_a_stranger_away_and_goes_on_waiting) {
  Scene scene(kind);
  const Address address = scene.listen();
  cr_expect(!scene.connect());
  const Fd stranger = call(address, at("127.0.0.2:0"));
  std::string nothing;
  cr_assert(
      run_until(scene.reactor, [&] { return read_some(stranger.get(), nothing) != Tail::more; }));
  cr_expect(nothing.empty() && !scene.got);
  const Fd client = call(address);
  cr_assert(scene.wait());
  cr_assert(*scene.got);
  cr_expect(are_one_connection(**scene.got, client));
}

Test(ftp_data_port, finds_the_client_behind_a_queue_of_strangers) {
  Scene scene;
  const Address address = scene.listen();
  Fd strangers[3];
  for (Fd& stranger : strangers) stranger = call(address, at("127.0.0.2:0"));
  const Fd client = call(address);
  const auto socket = scene.connect();
  cr_assert(socket);
  cr_expect(are_one_connection(*socket, client));
}

Test(ftp_data_port, is_closed_once_the_client_has_called) {
  Scene scene;
  const Address address = scene.listen();
  const Fd client = call(address);
  scene.clock.advance(ftp::limits::kPassiveQuiet);
  turn(scene.reactor, 3);
  cr_expect(refused(address), "before the connection is asked for");
  cr_assert(scene.connect());
  cr_expect(refused(address));
}

Test(ftp_data_port, takes_a_client_by_ipv4_for_the_one_whose_control_connection_was_mapped) {
  Scene scene(SelectorKind::epoll, at("127.0.0.1:21"), at("[::ffff:127.0.0.1]:4444"));
  const Fd client = call(scene.listen());
  cr_expect(scene.connect());
}

Test(ftp_data_port, a_new_one_takes_the_place_of_the_old) {
  Scene scene;
  const Address first = scene.listen();
  const Address second = scene.listen();
  cr_expect(first != second);
  cr_expect(refused(first));
  const Fd client = call(second);
  cr_expect(scene.connect());
}

Test(ftp_data_port, forgets_who_has_called_when_another_port_is_asked_for) {
  Scene scene;
  const Fd client = call(scene.listen());
  turn(scene.reactor, 3);
  scene.listen();
  std::string nothing;
  cr_expect(wait_for(client.get(), POLLIN) && read_some(client.get(), nothing) != Tail::more);
  cr_expect(!scene.connect());
}

Test(ftp_data_port, finds_the_last_free_port_of_its_range) {
  const Neighbours ports;
  Scene scene;
  cr_expect(scene.listen({ports.first, ports.last}).port() == ports.free);
}

Test(ftp_data_port, nobody_can_tell_which_port_of_the_range_is_next) {
  const Fd one = hold_port(), other = hold_port();
  const std::uint16_t low = std::min(local_of(one).port(), local_of(other).port());
  const std::uint16_t high = std::max(local_of(one).port(), local_of(other).port());
  std::set<std::uint16_t> seen;
  for (int i = 0; i < 40; ++i) {
    Scene scene;
    const std::uint16_t port = scene.listen({low, high}).port();
    cr_assert(low <= port && port <= high, "%d", port);
    seen.insert(port);
  }
  cr_expect(high - low < 2 || seen.size() > 1);
}

Test(ftp_data_port, says_so_when_its_range_is_used_up) {
  const Fd taken = listen_somewhere();
  const std::uint16_t only = local_of(taken).port();
  Scene scene;
  const auto address = scene.port->listen({only, only});
  cr_assert(!address);
  cr_expect(address.error().code == EADDRINUSE);
  cr_expect(!scene.port->ready());
}

Test(ftp_data_port, a_range_that_is_used_up_still_closes_the_old_port) {
  const Fd taken = listen_somewhere();
  const std::uint16_t only = local_of(taken).port();
  Scene scene;
  const Address old = scene.listen();
  cr_expect(!scene.port->listen({only, only}));
  cr_expect(!scene.port->ready() && refused(old));
}

Test(ftp_data_port, is_at_the_address_of_the_control_connection) {
  Scene scene(SelectorKind::epoll, at("127.0.0.3:21"));
  cr_expect(scene.listen().host() == "127.0.0.3");
}

Test(ftp_data_port, says_so_when_there_is_no_descriptor) {
  Scene scene;
  scene.listen();
  scene.port->close();
  const NoDescriptors none;
  const auto address = scene.port->listen({});
  cr_expect(!address && address.error().code == EMFILE);
  cr_expect(!scene.port->ready());
}

// --- time ----------------------------------------------------------------------------------------

Test(ftp_data_port, has_only_so_much_patience) {
  Scene scene;
  const Address address = scene.listen();
  cr_expect(!scene.connect(30s));
  scene.clock.advance(29s);
  turn(scene.reactor, 2);
  cr_expect(!scene.got);
  scene.clock.advance(1s);
  turn(scene.reactor, 2);
  cr_assert(scene.got && !*scene.got);
  cr_expect(scene.got->error().code == ETIMEDOUT);
  cr_expect(!scene.port->ready() && refused(address));
  scene.clock.advance(1h);
  turn(scene.reactor, 2);
  cr_expect(scene.calls == 1);
}

Test(ftp_data_port, that_nobody_asks_for_closes_by_itself) {
  Scene scene;
  const Address address = scene.listen();
  scene.clock.advance(ftp::limits::kPassiveQuiet);
  turn(scene.reactor, 2);
  scene.clock.advance(ftp::limits::kPassiveIdle - 1s);
  turn(scene.reactor, 2);
  cr_expect(scene.port->ready());
  scene.clock.advance(1s);
  turn(scene.reactor, 2);
  cr_expect(!scene.port->ready() && refused(address));
}

Test(ftp_data_port, patience_begins_with_the_asking) {
  Scene scene;
  scene.listen();
  scene.clock.advance(ftp::limits::kPassiveIdle - 1s);
  turn(scene.reactor, 2);
  cr_expect(!scene.connect(ftp::limits::kPassiveIdle));
  scene.clock.advance(ftp::limits::kPassiveIdle - 1s);
  turn(scene.reactor, 2);
  cr_expect(!scene.got);
}

// --- we call -------------------------------------------------------------------------------------

TestEachSelector(ftp_data_port, calls_where_the_client_waits) {
  Scene scene(kind);
  const Fd listener = listen_somewhere();
  scene.port->call(local_of(listener));
  cr_expect(scene.port->ready());
  cr_expect(!scene.connect());
  cr_expect(!scene.got, "never from inside");
  cr_assert(scene.wait());
  cr_assert(*scene.got);
  const Fd client = accept_from(listener);
  cr_expect(are_one_connection(**scene.got, client));
  cr_expect(!scene.port->ready() && scene.calls == 1);
}

Test(ftp_data_port, calls_from_the_port_below_that_of_the_control_connection) {
  const Fd held = hold_port();
  Address control = local_of(held);
  control.set_port(static_cast<std::uint16_t>(control.port() + 1));
  Scene scene(SelectorKind::epoll, control);
  const Fd listener = listen_somewhere();
  scene.port->call(local_of(listener));
  scene.connect();
  cr_assert(scene.wait() && *scene.got);
  cr_expect(local_of(**scene.got) == local_of(held));
}

Test(ftp_data_port, calls_from_any_port_when_that_one_is_in_use_towards_the_client) {
  const Fd held = hold_port();
  Address control = local_of(held);
  control.set_port(static_cast<std::uint16_t>(control.port() + 1));
  const Fd listener = listen_somewhere();
  Scene first(SelectorKind::epoll, control), second(SelectorKind::epoll, control);
  for (Scene* scene : {&first, &second}) {
    scene->port->call(local_of(listener));
    scene->connect();
    cr_assert(scene->wait() && *scene->got);
  }
  cr_expect(local_of(**first.got) == local_of(held));
  cr_expect(local_of(**second.got).port() != local_of(held).port());
}

Test(ftp_data_port, calls_from_any_port_when_that_one_belongs_to_another) {
  const Fd taken = listen_somewhere(), listener = listen_somewhere();
  Address control = local_of(taken);
  control.set_port(static_cast<std::uint16_t>(control.port() + 1));
  Scene scene(SelectorKind::epoll, control);
  scene.port->call(local_of(listener));
  scene.connect();
  cr_assert(scene.wait() && *scene.got);
  cr_expect(local_of(**scene.got).port() != local_of(taken).port());
}

Test(ftp_data_port, says_so_when_nobody_answers_there) {
  const Fd held = hold_port();
  Scene scene;
  scene.port->call(local_of(held));
  cr_expect(!scene.connect());
  cr_assert(scene.wait());
  cr_assert(!*scene.got);
  cr_expect(scene.got->error().code == ECONNREFUSED);
}

Test(ftp_data_port, calls_for_as_long_as_its_patience_lasts) {
  // A queue of one place that is taken: the kernel answers no further SYN.
  const auto listener = tcp_listen(Address::loopback_v4(0), 0);
  cr_assert(listener);
  Fd fillers[3];
  for (Fd& filler : fillers) filler = std::move(*tcp_start_connect(local_of(*listener)));
  cr_assert(wait_for(fillers[0].get(), POLLOUT));
  Scene scene;
  scene.port->call(local_of(*listener));
  cr_expect(!scene.connect(30s));
  turn(scene.reactor, 3);
  cr_assert(!scene.got);
  scene.clock.advance(30s);
  turn(scene.reactor, 2);
  cr_assert(scene.got && !*scene.got);
  cr_expect(scene.got->error().code == ETIMEDOUT);
}

Test(ftp_data_port, what_was_said_last_counts) {
  Scene scene;
  const Fd listener = listen_somewhere();
  const Address port = scene.listen();
  scene.port->call(local_of(listener));
  cr_expect(refused(port));
  scene.connect();
  cr_assert(scene.wait() && *scene.got);
  cr_expect(accept_from(listener));
  scene.got.reset();
  scene.port->call(local_of(listener));
  const Fd client = call(scene.listen());
  cr_expect(scene.connect());
}

// --- the end -------------------------------------------------------------------------------------

Test(ftp_data_port, closing_it_calls_nobody) {
  Scene scene;
  const Fd listener = listen_somewhere();
  const Address address = scene.listen();
  scene.connect();
  scene.port->close();
  cr_expect(refused(address));
  scene.port->call(local_of(listener));
  scene.connect();
  scene.port->close();
  scene.port->call(local_of(listener));
  scene.port->close();
  cr_expect(!scene.port->ready());
  scene.clock.advance(1h);
  turn(scene.reactor, 5);
  cr_expect(scene.calls == 0);
}

Test(ftp_data_port, may_be_destroyed_in_the_call_or_asked_anew) {
  Scene scene;
  const Fd listener = listen_somewhere();
  int calls = 0;
  scene.port->call(local_of(listener));
  scene.port->connect(30s, [&](Result<Fd> first) {
    cr_assert(first);
    ++calls;
    scene.port->listen({});
    scene.port->connect(30s, [&](Result<Fd> second) {
      cr_expect(!second && second.error().code == ETIMEDOUT);
      ++calls;
      scene.port.reset();
    });
  });
  cr_assert(run_until(scene.reactor, [&] { return calls == 1; }));
  scene.clock.advance(30s);
  turn(scene.reactor, 3);
  cr_expect(calls == 2 && !scene.port);
}

Test(ftp_data_port, does_not_spin_when_there_is_no_descriptor_for_who_calls) {
  Reactor reactor;
  DataPort port(reactor, Address::loopback_v4(21), Address::loopback_v4(4444));
  const Fd client = call(*port.listen({}));
  const NoDescriptors none;
  int turns = 0;
  bool over = false;
  const Timer timer = reactor.after(100ms, [&] { over = true; });
  for (; !over; ++turns) cr_assert(reactor.run_once());
  cr_expect(turns < 50, "%d turns", turns);
  cr_expect(!port.ready());
}
