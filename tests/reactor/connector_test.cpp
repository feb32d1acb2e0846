#include "reactor/connector.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reactor/socket.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/no_descriptors.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

bool binds_to_where_it_connects = false;

}  // namespace

/// Takes the place of libc's in this program: with the flag set, a socket connects from the very
/// address it connects to, as the kernel may choose by itself in the ephemeral range.
extern "C" int connect(int fd, const sockaddr* address, socklen_t size) {
  if (binds_to_where_it_connects) bind(fd, address, size);
  return static_cast<int>(syscall(SYS_connect, fd, address, size));
}

namespace {

/// A loopback address at which nobody listens; the socket keeps it from being given to others.
struct Deserted {
  Deserted() {
    const Address any = Address::loopback_v4(0);
    cr_assert(bind(holder.get(), any.data(), any.size()) == 0);
    address = *Address::local_of(holder.get());
  }
  Fd holder{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  Address address;
};

}  // namespace

TestEachSelector(connector, gives_a_connected_socket) {
  Reactor reactor({.selector = kind});
  auto listener = tcp_listen(Address::loopback_v4(0));
  std::optional<Result<Fd>> got;
  Connector connector(reactor, [&](Result<Fd> result) { got = std::move(result); });
  connector.start(*Address::local_of(listener->get()), 10s);
  cr_expect(!got, "never from inside start()");
  cr_assert(run_until(reactor, [&] { return got.has_value(); }));
  cr_assert(*got);
  cr_expect(fcntl((*got)->get(), F_GETFL) & O_NONBLOCK);
  cr_expect(fcntl((*got)->get(), F_GETFD) & FD_CLOEXEC);
  cr_expect(*Address::peer_of((*got)->get()) == *Address::local_of(listener->get()));
  cr_expect(reactor.timers().empty(), "the deadline is off");
}

TestEachSelector(connector, says_that_it_was_refused) {
  Reactor reactor({.selector = kind});
  const Deserted deserted;
  std::optional<Result<Fd>> got;
  Connector connector(reactor, [&](Result<Fd> result) { got = std::move(result); });
  connector.start(deserted.address, 10s);
  cr_expect(!got);
  cr_assert(run_until(reactor, [&] { return got.has_value(); }));
  cr_expect(!*got && got->error().code == ECONNREFUSED);
  cr_expect_str_eq(got->error().operation, "connect");
}

TestEachSelector(connector, does_not_take_itself_for_the_peer) {
  Reactor reactor({.selector = kind});
  Address address;
  {
    const Deserted deserted;
    address = deserted.address;
  }
  std::optional<Result<Fd>> got;
  Connector connector(reactor, [&](Result<Fd> result) { got = std::move(result); });
  binds_to_where_it_connects = true;
  connector.start(address, 10s);
  binds_to_where_it_connects = false;
  cr_assert(run_until(reactor, [&] { return got.has_value(); }));
  cr_expect(!*got && got->error().code == ECONNREFUSED);
}

TestEachSelector(connector, gives_up_at_its_deadline) {
  FakeClock clock;
  Reactor reactor({.selector = kind, .clock = &clock});
  // A queue of one place that is taken: the kernel answers no further SYN.
  auto listener = tcp_listen(Address::loopback_v4(0), 0);
  const Address address = *Address::local_of(listener->get());
  std::array<Fd, 3> fillers;
  for (Fd& filler : fillers) filler = std::move(*tcp_start_connect(address));
  cr_assert(wait_for(fillers[0].get(), POLLOUT));
  std::optional<Result<Fd>> got;
  Connector connector(reactor, [&](Result<Fd> result) { got = std::move(result); });
  connector.start(address, 30s);
  turn(reactor, 3);
  clock.advance(30s - 1ns);
  turn(reactor);
  cr_assert(!got);
  clock.advance(1ns);
  turn(reactor);
  cr_assert(got);
  cr_expect(!*got && got->error().code == ETIMEDOUT);
  turn(reactor, 3);
  cr_expect(reactor.selector().size() == 1, "only the reactor's own is left");
}

Test(connector, tells_later_what_fails_at_once) {
  Reactor reactor;
  std::vector<Fd> all;
  std::optional<Result<Fd>> got;
  Connector connector(reactor, [&](Result<Fd> result) { got = std::move(result); });
  turn(reactor);
  {
    const NoDescriptors none;
    connector.start(Address::loopback_v4(9), 10s);
  }
  cr_expect(!got);
  turn(reactor);
  cr_assert(got);
  cr_expect(!*got && got->error().code == EMFILE);
}

Test(connector, tells_of_a_unix_socket_that_is_not_there) {
  Reactor reactor;
  std::optional<Result<Fd>> got;
  Connector connector(reactor, [&](Result<Fd> result) { got = std::move(result); });
  connector.start(*Address::parse("unix:/tmp/sluice-no-such-socket"), 10s);
  turn(reactor);
  cr_assert(got);
  cr_expect(!*got && got->error().code == ENOENT);
}

TestEachSelector(connector, ends_silently_when_destroyed) {
  Reactor reactor({.selector = kind});
  const std::size_t own = reactor.selector().size();
  auto listener = tcp_listen(Address::loopback_v4(0));
  int calls = 0;
  {
    Connector connector(reactor, [&](Result<Fd>) { ++calls; });
    connector.start(*Address::local_of(listener->get()), 0s);
  }
  turn(reactor, 3);
  cr_expect(calls == 0);
  cr_expect(reactor.timers().empty() && reactor.selector().size() == own);
}

TestEachSelector(connector, can_be_destroyed_in_its_own_call) {
  Reactor reactor({.selector = kind});
  const Deserted deserted;
  auto listener = tcp_listen(Address::loopback_v4(0));
  for (const bool succeeds : {true, false}) {
    std::unique_ptr<Connector> connector;
    std::string said;
    auto text = std::make_unique<std::string>("what the closure holds outlives the call");
    connector = std::make_unique<Connector>(
        reactor, [&connector, &said, text = std::move(text)](Result<Fd>) {
          connector.reset();
          said = *text;
        });
    connector->start(succeeds ? *Address::local_of(listener->get()) : deserted.address, 10s);
    cr_assert(run_until(reactor, [&] { return !said.empty(); }));
    cr_expect(!connector && said.starts_with("what"));
  }
}

Test(connector, can_be_destroyed_in_its_own_call_at_the_deadline) {
  FakeClock clock;
  Reactor reactor({.clock = &clock});
  std::unique_ptr<Connector> connector;
  int code = 0;
  connector = std::make_unique<Connector>(reactor, [&](Result<Fd> result) {
    code = result.error().code;
    connector.reset();
  });
  connector->start(Address(), 10s);  // no address at all: fails at once, told by the timer
  turn(reactor);
  cr_expect(code != 0);
  cr_expect(!connector);
}
