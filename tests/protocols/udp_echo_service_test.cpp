#include "protocols/echo/udp_echo_service.h"

#include <criterion/criterion.h>

#include "reactor/log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/udp.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  explicit Fixture(SelectorKind kind = SelectorKind::epoll,
                   echo::UdpEchoService::Options options = {.address = Address::loopback_v4(0)})
      : reactor({.selector = kind, .custom = nullptr, .clock = &clock}), service(reactor, options) {
    set_log_level(LogLevel::error);
    cr_assert(service.start());
    port = Address::parse(service.address())->port();
  }

  /// Turns the loop until so many have come.
  void take(std::uint64_t datagrams) {
    cr_assert(run_until(reactor, [&] { return service.counters().connections >= datagrams; }));
  }

  FakeClock clock;
  Reactor reactor;
  echo::UdpEchoService service;
  std::uint16_t port = 0;
};

Address host(const char* text) {
  return *Address::parse(text);
}

}  // namespace

TestEachSelector(udp_echo_service, returns_each_datagram_to_its_sender_in_order) {
  Fixture f(kind);
  UdpPeer first(Address::loopback_v4(f.port)), second(Address::loopback_v4(f.port));
  const std::string longest(65'507, 'l');
  first.send("one");
  second.send("");
  first.send(longest);
  f.take(3);
  cr_expect(first.receive() == "one");
  cr_expect(second.receive() == "");
  cr_expect(first.receive() == longest);
  cr_expect(f.service.counters().bytes_in == longest.size() + 3);
  cr_expect(f.service.counters().bytes_out == longest.size() + 3);
  cr_expect(f.service.counters().failures == 0);
}

Test(udp_echo_service, answers_more_than_a_batch) {
  Fixture f;
  UdpPeer peer(Address::loopback_v4(f.port));
  for (int i = 0; i < 90; ++i) peer.send(std::to_string(i));
  f.take(90);
  for (int i = 0; i < 90; ++i) cr_expect(peer.receive() == std::to_string(i));
}

Test(udp_echo_service, does_not_answer_a_port_of_its_own_number) {
  Fixture f;
  UdpPeer twin(Address::loopback_v4(f.port), host(("127.0.0.2:" + std::to_string(f.port)).c_str()));
  twin.send("ping");
  f.take(1);
  cr_expect(f.service.counters().failures == 1);
  cr_expect(twin.is_silent());
}

Test(udp_echo_service, bounds_the_rate_of_loopback_only_when_told) {
  for (const bool bound : {false, true}) {
    Fixture f(SelectorKind::epoll,
              {.address = Address::loopback_v4(0), .rate = 3, .bound_loopback = bound});
    UdpPeer peer(Address::loopback_v4(f.port));
    for (int i = 0; i < 10; ++i) peer.send("x");
    f.take(10);
    cr_expect(f.service.counters().failures == (bound ? 7 : 0));
    f.clock.advance(10s);
    peer.send("x");
    f.take(11);
    cr_expect(f.service.counters().failures == (bound ? 7 : 0));
  }
}

Test(udp_echo_service, refuses_to_be_bound_where_many_are_meant) {
  set_log_level(LogLevel::error);
  Reactor reactor;
  for (const char* address : {"224.0.0.1:0", "127.255.255.255:0", "[ff02::1]:0"}) {
    echo::UdpEchoService service(reactor, {.address = host(address)});
    const auto started = service.start();
    cr_expect(!started && started.error().contains("the address of many"), "%s", address);
  }
}

Test(udp_echo_service, ends_at_once_when_drained) {
  Fixture f;
  bool told = false;
  f.service.on_finished([&] { told = true; });
  cr_expect(!f.service.finished());
  f.service.drain();
  cr_expect(f.service.finished());
  cr_expect(run_until(f.reactor, [&] { return told; }));
}

Test(source_rate, gives_each_host_a_second_at_once_and_then_its_rate) {
  echo::SourceRate rate(10);
  TimePoint now{1h};
  const auto taken = [&](const char* from, int tries) {
    int count = 0;
    for (int i = 0; i < tries; ++i) count += rate.take(host(from), now) ? 1 : 0;
    return count;
  };
  cr_expect(taken("192.0.2.1:5000", 50) == 10);
  cr_expect(taken("192.0.2.1:6000", 50) == 0);  // ports do not matter
  cr_expect(taken("192.0.2.2:5000", 50) == 10);
  now += 300ms;
  cr_expect(taken("192.0.2.1:5000", 50) == 3);
  now += 1h;
  cr_expect(taken("192.0.2.1:5000", 50) == 10);
}

Test(source_rate, counts_a_mapped_address_as_what_it_is_and_ipv6_by_its_network) {
  echo::SourceRate rate(1);
  const TimePoint now{1h};
  cr_expect(rate.take(host("192.0.2.1:1"), now));
  cr_expect(!rate.take(host("[::ffff:192.0.2.1]:1"), now));
  cr_expect(rate.take(host("[2001:db8::1]:1"), now));
  cr_expect(!rate.take(host("[2001:db8::2]:1"), now));
  cr_expect(rate.take(host("[2001:db8:0:1::1]:1"), now));
  cr_expect(rate.take(host("[fe80::1]:1"), now));
  cr_expect(rate.take(host("[fe80::2]:1"), now));
}

Test(source_rate, a_crowd_of_invented_hosts_does_not_free_one_that_is_over_its_rate) {
  echo::SourceRate rate(100);
  const TimePoint now{1h};
  while (rate.take(host("192.0.2.1:1"), now)) {
  }
  for (int i = 0; i < 60'000; ++i) {
    const std::string text =
        "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ":1";
    (void)rate.take(host(text.c_str()), now);
  }
  cr_expect(!rate.take(host("192.0.2.1:1"), now));  // the quietest were forgotten first
}
