#include "tests/protocols/ftp_data_port_scene.h"

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
