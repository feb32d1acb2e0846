#include "tests/protocols/ftp_data_port_scene.h"

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
