#include "reactor/listener.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

/// What accept4() fails with next, and how often; 0 asks the kernel.
int accept_error = 0;
int accept_errors_left = 0;
int accept_calls = 0;

}  // namespace

/// Takes the place of libc's in this program.
extern "C" int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  ++accept_calls;
  if (accept_errors_left > 0) {
    --accept_errors_left;
    errno = accept_error;
    return -1;
  }
  return static_cast<int>(syscall(SYS_accept4, fd, address, size, flags));
}

namespace {

void connect_to(const Listener& listener, std::vector<Fd>& clients) {
  auto client = tcp_start_connect(listener.address());
  cr_assert(client, "%s", client ? "" : client.error().message().c_str());
  clients.push_back(std::move(*client));
}

int flag_of(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  getsockopt(fd, level, name, &value, &size);
  return value;
}

}  // namespace

TestEachSelector(listener, hands_over_descriptors_ready_for_use) {
  Reactor reactor({.selector = kind});
  Fd accepted;
  Address from;
  Listener listener(reactor, [&](Fd fd, const Address& peer) {
    accepted = std::move(fd);
    from = peer;
  });
  cr_assert(listener.listen(Address::loopback_v4(0)));
  cr_expect(listener.address().port() != 0);
  std::vector<Fd> clients;
  connect_to(listener, clients);
  cr_assert(run_until(reactor, [&] { return static_cast<bool>(accepted); }));
  cr_expect(fcntl(accepted.get(), F_GETFL) & O_NONBLOCK);
  cr_expect(fcntl(accepted.get(), F_GETFD) & FD_CLOEXEC);
  cr_expect(flag_of(accepted.get(), IPPROTO_TCP, TCP_NODELAY) == 1);
  cr_expect(flag_of(accepted.get(), SOL_SOCKET, SO_KEEPALIVE) == 1);
  cr_expect(from == *Address::local_of(clients[0].get()));
}

TestEachSelector(listener, accepts_a_storm_in_batches) {
  Reactor reactor({.selector = kind});
  std::vector<Fd> accepted, clients;
  Listener listener(reactor, [&](Fd fd, const Address&) { accepted.push_back(std::move(fd)); });
  cr_assert(listener.listen(Address::loopback_v4(0)));
  constexpr std::size_t kMost = limits::kAcceptsPerTurn, kStorm = 4 * kMost;
  for (std::size_t i = 0; i < kStorm; ++i) connect_to(listener, clients);
  cr_assert(wait_for(clients.back().get(), POLLOUT));
  std::size_t batch = 1, expected = 0;
  while (expected < kStorm) {
    expected = std::min(expected + batch, kStorm);
    batch = std::min(2 * batch, kMost);
    turn(reactor);
    cr_assert(accepted.size() == expected, "%zu of %zu", accepted.size(), expected);
  }
  cr_expect(reactor.stats().budgets_exhausted == 3, "%ju", reactor.stats().budgets_exhausted);
}

TestEachSelector(listener, asks_as_often_as_somebody_connects) {
  Reactor reactor({.selector = kind});
  std::vector<Fd> accepted, clients;
  Listener listener(reactor, [&](Fd fd, const Address&) { accepted.push_back(std::move(fd)); });
  cr_assert(listener.listen(Address::loopback_v4(0)));
  const int calls = accept_calls;
  for (std::size_t i = 1; i <= 5; ++i) {
    connect_to(listener, clients);
    cr_assert(run_until(reactor, [&] { return accepted.size() == i; }));
    turn(reactor);  // in which nobody waits
  }
  cr_expect(accept_calls - calls == 5, "%d", accept_calls - calls);
}

TestEachSelector(listener, stops_within_a_batch_when_paused_and_goes_on_when_resumed) {
  Reactor reactor({.selector = kind});
  std::vector<Fd> accepted, clients;
  Listener* self = nullptr;
  Listener listener(reactor, [&](Fd fd, const Address&) {
    accepted.push_back(std::move(fd));
    if (accepted.size() == 2) self->pause();
  });
  self = &listener;
  cr_assert(listener.listen(Address::loopback_v4(0)));
  for (int i = 0; i < 5; ++i) connect_to(listener, clients);
  cr_assert(wait_for(clients.back().get(), POLLOUT));
  turn(reactor, 5);
  cr_expect(accepted.size() == 2);
  const auto events = reactor.stats().events;
  turn(reactor, 5);
  cr_expect(reactor.stats().events == events, "who is paused is not woken");
  listener.resume();
  cr_assert(run_until(reactor, [&] { return accepted.size() == 5; }));
}

TestEachSelector(listener, can_be_closed_and_opened_anew_within_its_call) {
  Reactor reactor({.selector = kind});
  std::vector<Fd> accepted, clients;
  Listener* self = nullptr;
  Listener listener(reactor, [&](Fd fd, const Address&) {
    accepted.push_back(std::move(fd));
    self->close();
  });
  self = &listener;
  cr_assert(listener.listen(Address::loopback_v4(0)));
  const Address address = listener.address();
  for (int i = 0; i < 3; ++i) connect_to(listener, clients);
  cr_assert(wait_for(clients.back().get(), POLLOUT));
  turn(reactor, 3);
  cr_expect(accepted.size() == 1);
  const auto refused = tcp_start_connect(address);
  if (refused) {
    cr_assert(wait_for(refused->get(), POLLOUT));
    cr_expect(connect_result(refused->get()).error().code == ECONNREFUSED);
  }
  cr_assert(listener.listen(Address::loopback_v4(0)));
  connect_to(listener, clients);
  cr_assert(run_until(reactor, [&] { return accepted.size() == 2; }));
}

Test(listener, says_when_the_port_is_taken) {
  Reactor reactor;
  Listener first(reactor, [](Fd, const Address&) {}), second(reactor, [](Fd, const Address&) {});
  cr_assert(first.listen(Address::loopback_v4(0)));
  const auto listening = second.listen(first.address());
  cr_assert(!listening);
  cr_expect(listening.error().code == EADDRINUSE);
  cr_expect_str_eq(listening.error().operation, "bind");
}

Test(listener, does_not_wait_in_a_socket_it_adopted) {
  Reactor reactor;
  std::vector<Fd> accepted, clients;
  Listener listener(reactor, [&](Fd fd, const Address&) { accepted.push_back(std::move(fd)); });
  auto inherited = tcp_listen(Address::loopback_v4(0));
  cr_assert(inherited);
  cr_assert(set_nonblocking(inherited->get(), false));
  cr_assert(listener.adopt(std::move(*inherited)));
  connect_to(listener, clients);
  cr_assert(run_until(reactor, [&] { return accepted.size() == 1; }));
}

Test(listener, does_not_spin_on_a_socket_that_does_not_listen) {
  FakeClock clock;
  Reactor reactor({.clock = &clock});
  int told = 0;
  Listener listener(reactor, [](Fd, const Address&) {});
  listener.on_exhausted([&](Error error) {
    ++told;
    cr_expect(error.code == EINVAL);
  });
  Fd deaf(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  cr_assert(deaf);
  const Address address = Address::loopback_v4(0);
  cr_assert(bind(deaf.get(), address.data(), address.size()) == 0);
  cr_assert(listener.adopt(std::move(deaf)));
  turn(reactor, 50);
  cr_expect(reactor.stats().events <= 1);
  cr_expect(told <= 1);
}

Test(listener, passes_over_the_errors_of_single_connections) {
  for (const int code : {EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET,
                         EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EPERM, ETIMEDOUT, ECONNRESET}) {
    Reactor reactor;
    std::vector<Fd> accepted, clients;
    Listener listener(reactor, [&](Fd fd, const Address&) { accepted.push_back(std::move(fd)); });
    listener.on_exhausted([&](Error) { cr_expect(false, "errno %d", code); });
    cr_assert(listener.listen(Address::loopback_v4(0)));
    connect_to(listener, clients);
    cr_assert(wait_for(clients.back().get(), POLLOUT));
    accept_error = code;
    accept_errors_left = 2;
    turn(reactor);
    cr_expect(accepted.size() == 1, "errno %d: the next one is accepted in the same turn", code);
    cr_expect(reactor.stats().accept_pauses == 0);
  }
}

Test(listener, rests_when_the_system_has_nothing_left) {
  for (const int code : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EIO}) {
    FakeClock clock;
    Reactor reactor({.clock = &clock});
    std::vector<Fd> accepted, clients;
    int told = 0;
    Listener listener(reactor, [&](Fd fd, const Address&) { accepted.push_back(std::move(fd)); });
    listener.on_exhausted([&](Error error) {
      ++told;
      cr_expect(error.code == code);
    });
    cr_assert(listener.listen(Address::loopback_v4(0)));
    connect_to(listener, clients);
    cr_assert(wait_for(clients.back().get(), POLLOUT));
    accept_error = code;
    accept_errors_left = 1'000'000;
    const int calls = accept_calls;
    turn(reactor, 20);
    cr_expect(accept_calls - calls <= 2, "errno %d: %d calls", code, accept_calls - calls);
    for (int i = 0; i < 3; ++i) {
      clock.advance(limits::kAcceptPause);
      turn(reactor, 3);
    }
    cr_expect(reactor.stats().accept_pauses == 4, "errno %d", code);
    cr_expect(told == 1, "once a spell, errno %d: %d", code, told);
    accept_errors_left = 0;
    clock.advance(limits::kAcceptPause);
    turn(reactor, 3);
    cr_expect(accepted.size() == 1, "errno %d", code);
    clock.advance(limits::kExhaustedQuiet);
    accept_errors_left = 1'000'000;
    connect_to(listener, clients);
    cr_assert(wait_for(clients.back().get(), POLLOUT));
    turn(reactor, 3);
    cr_expect(told == 2, "and once the next spell");
    accept_errors_left = 0;
  }
}

TestEachSelector(listener, sheds_at_the_descriptor_limit_and_recovers_by_itself) {
  FakeClock clock;
  Reactor reactor({.selector = kind, .clock = &clock});
  std::vector<Fd> accepted, clients;
  int told = 0;
  Listener listener(reactor, [&](Fd fd, const Address&) { accepted.push_back(std::move(fd)); });
  listener.on_exhausted([&](Error error) {
    ++told;
    cr_expect(error.code == EMFILE);
  });
  cr_assert(listener.listen(Address::loopback_v4(0)));
  for (int i = 0; i < 10; ++i) connect_to(listener, clients);
  cr_assert(wait_for(clients.back().get(), POLLOUT));
  // Descriptors for three more: the first free number is the limit but three.
  rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  std::array<Fd, 4> probes;
  for (Fd& probe : probes) probe = Fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const rlimit low{static_cast<rlim_t>(probes.back().get()), before.rlim_max};
  for (Fd& probe : probes) probe.reset();
  setrlimit(RLIMIT_NOFILE, &low);

  turn(reactor, 20);
  cr_expect(accepted.size() == 3, "%zu", accepted.size());
  cr_expect(reactor.stats().accepts_shed == 7);
  cr_expect(told == 1);
  cr_expect(reactor.stats().events == 3, "one is taken, then two; then it rests");
  int ended = 0;
  for (const Fd& client : clients) {
    std::string nothing;
    ended += read_some(client.get(), nothing) != Tail::more;
  }
  cr_expect(ended == 7, "those sent away know it");

  accepted.clear();
  connect_to(listener, clients);
  turn(reactor, 5);
  cr_expect(accepted.empty(), "it rests");
  clock.advance(limits::kAcceptPause);
  cr_assert(run_until(reactor, [&] { return accepted.size() == 1; }));
  cr_expect(told == 1);
}
