#include "reactor/datagram.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/datagrams.h"
#include "tests/support/loop.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

using Options = Datagram::Options;

/// A Datagram at a free port of 127.0.0.1 that records, and a plain socket that sends to it.
struct Scene {
  explicit Scene(SelectorKind kind, const Options& options = {},
                 const Address& bound = Address::loopback_v4(0))
      : reactor({.selector = kind}), datagram(reactor, heard) {
    const auto opened = datagram.open(bound, options);
    cr_assert(opened.has_value(), "%s", opened ? "" : opened.error().message().c_str());
    to = datagram.address();
    if (to.is_any()) to = at("127.0.0.1", to.port());
  }
  void send(std::string_view bytes) { plain.send(bytes, to); }
  bool hears(std::size_t count) {
    return run_until(reactor, [&] { return heard.all.size() >= count; });
  }

  Reactor reactor;
  RecordingDatagrams heard;
  Datagram datagram;
  PlainUdp plain;
  Address to;
};

std::int64_t nanoseconds_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

std::uint64_t number_in(const std::string& bytes) {
  return parse_number<std::uint64_t>(std::string_view(bytes).substr(0, bytes.find(' ')))
      .value_or(UINT64_MAX);
}

/// Datagrams of `size` bytes that begin with their number, counted on from `first`.
void flood(Scene& scene, std::uint64_t first, std::uint64_t count, std::size_t size) {
  for (std::uint64_t i = first; i < first + count; ++i) {
    std::string bytes = concat(i, ' ');
    bytes.resize(size, '.');
    scene.send(bytes);
  }
}

}  // namespace

// --- what arrives --------------------------------------------------------------------------------

TestEachSelector(datagram, hands_over_batches_in_the_order_of_arrival) {
  Scene scene(kind);
  constexpr std::size_t kCount = 150;
  flood(scene, 0, kCount, 8);
  cr_assert(scene.hears(kCount));
  turn(scene.reactor, 3);
  cr_expect_eq(scene.heard.all.size(), kCount);
  for (std::size_t i = 0; i < kCount; ++i) cr_assert_eq(number_in(scene.heard.all[i].bytes), i);
  std::size_t largest = 0;
  for (const std::size_t batch : scene.heard.batches) largest = std::max(largest, batch);
  cr_expect_gt(largest, 1, "one call brings many");
  cr_expect_leq(largest, limits::kDatagramBatch);
  cr_expect(scene.heard.all[0].from == scene.plain.address);
}

TestEachSelector(datagram, takes_the_empty_one_and_the_longest) {
  Scene scene(kind);
  std::string longest(65507, '\0');
  for (std::size_t i = 0; i < longest.size(); ++i) longest[i] = static_cast<char>(i * 7);
  scene.send("");
  scene.send(longest);
  scene.send("");
  cr_assert(scene.hears(3));
  cr_expect(scene.heard.all[0].bytes.empty() && scene.heard.all[2].bytes.empty());
  cr_expect(scene.heard.all[1].bytes == longest);
  for (const auto& one : scene.heard.all) cr_expect_not(one.truncated);
}

TestEachSelector(datagram, says_what_was_cut) {
  Scene scene(kind, {.max_bytes = 4});
  for (const auto* bytes : {"four", "fiver", "six", "", "a lot longer"}) scene.send(bytes);
  cr_assert(scene.hears(5));
  expect_text(scene.heard, "four|five|six||a lo|");
  std::string cut;
  for (const auto& one : scene.heard.all) cut += one.truncated ? 'c' : '-';
  cr_expect_str_eq(cut.c_str(), "-c--c");
}

TestEachSelector(datagram, says_whom_it_was_for_and_where_it_came_in) {
  Scene scene(kind, {.destination = true}, at("0.0.0.0:0"));
  for (const auto* host : {"127.0.0.1", "127.0.0.2", "127.9.8.7"}) {
    scene.plain.send(host, at(host, scene.to.port()));
  }
  cr_assert(scene.hears(3));
  for (const auto& one : scene.heard.all) {
    cr_expect(one.to == at(one.bytes, scene.to.port()), "%s", one.to.to_string().c_str());
    cr_expect_eq(one.interface_index, loopback_index());
    cr_expect(one.from == scene.plain.address);
    cr_expect_not(one.to_many);
  }
}

TestEachSelector(datagram, says_so_for_ipv6_too_and_for_ipv4_on_the_same_socket) {
  const Fd probe(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Address home = at("[::1]:0");
  if (!probe || bind(probe.get(), home.data(), home.size()) != 0) cr_skip("no IPv6 here");
  Scene scene(kind, {.destination = true, .timestamps = true, .count_drops = true}, at("[::]:0"));
  const std::uint16_t port = scene.datagram.address().port();
  const PlainUdp six(home);
  six.send("6", at("[::1]", port));
  scene.plain.send("4", at("127.0.0.3", port));
  cr_assert(scene.hears(2));
  const auto& by_six = scene.heard.all[0];
  cr_expect(by_six.from == six.address && by_six.to == at("[::1]", port));
  const auto& by_four = scene.heard.all[1];
  cr_expect(by_four.from.unmapped() == scene.plain.address);
  cr_expect(by_four.to.unmapped() == at("127.0.0.3", port));
  for (const auto& one : scene.heard.all) {
    cr_expect_eq(one.interface_index, loopback_index());
    cr_expect(!one.to_many && one.time > 0);
  }
  // And the answer comes from the host that was asked.
  const auto answer = as_bytes("answer");
  cr_assert(scene.datagram.send(Outgoing{answer, &by_four.from, &by_four.to}));
  Address from;
  cr_expect(scene.plain.receive(&from) == "answer");
  cr_expect(from == at("127.0.0.3", port), "from %s", from.to_string().c_str());
}

TestEachSelector(datagram, says_when_it_came) {
  Scene scene(kind, {.timestamps = true});
  const std::int64_t before = nanoseconds_now();
  scene.send("one");
  scene.send("two");
  cr_assert(scene.hears(2));
  const std::int64_t after = nanoseconds_now();
  for (const auto& one : scene.heard.all) cr_expect(before <= one.time && one.time <= after);
}

TestEachSelector(datagram, tells_nothing_that_was_not_asked_for) {
  Scene rich(kind, {.destination = true, .timestamps = true, .coalesce = true}, at("0.0.0.0:0"));
  RecordingDatagrams heard;
  Datagram poor(rich.reactor, heard);
  cr_assert(poor.open(Address::loopback_v4(0)));
  rich.plain.set(SOL_SOCKET, SO_BROADCAST, 1);
  rich.plain.send("all", at("127.255.255.255", rich.to.port()));
  cr_assert(rich.hears(1));
  rich.plain.send("poor", poor.address());
  cr_assert(run_until(rich.reactor, [&] { return heard.all.size() == 1; }));
  rich.plain.set(IPPROTO_UDP, UDP_SEGMENT, 100);
  rich.send(std::string(1000, 'x'));
  cr_assert(rich.hears(2));
  rich.plain.set(IPPROTO_UDP, UDP_SEGMENT, 0);
  rich.plain.send("poor", poor.address());
  cr_assert(run_until(rich.reactor, [&] { return heard.all.size() == 2; }));
  for (const auto& one : heard.all) {
    cr_expect(one.time == 0 && one.segment == 0 && !one.to_many);
  }
}

TestEachSelector(datagram, sockets_share_memory_but_no_datagrams) {
  Reactor reactor({.selector = kind});
  RecordingDatagrams first, second;
  Datagram one(reactor, first), other(reactor, second);
  cr_assert(one.open(Address::loopback_v4(0)) && other.open(Address::loopback_v4(0)));
  const PlainUdp plain;
  for (int i = 0; i < 10; ++i) {
    plain.send("one", one.address());
    plain.send("another", other.address());
  }
  cr_assert(run_until(reactor, [&] { return first.all.size() + second.all.size() == 20; }));
  for (const auto& copy : first.all) cr_expect_str_eq(copy.bytes.c_str(), "one");
  for (const auto& copy : second.all) cr_expect_str_eq(copy.bytes.c_str(), "another");
}

// --- what was dropped ----------------------------------------------------------------------------

TestEachSelector(datagram, counts_every_datagram_that_the_kernel_dropped) {
  Scene scene(kind, {.count_drops = true, .receive_buffer = 8192});
  std::uint64_t sent = 0;
  for (int round = 0; round < 5; ++round) {
    flood(scene, sent, 200, 1000);
    sent += 200;
    turn(scene.reactor, 100);
    cr_expect_eq(scene.heard.all.size() + scene.datagram.dropped(), sent, "round %d: %zu + %lu",
                 round, scene.heard.all.size(),
                 static_cast<unsigned long>(scene.datagram.dropped()));
  }
  cr_expect_gt(scene.datagram.dropped(), 0);
  cr_expect_geq(scene.heard.all.size(), 5);
}

TestEachSelector(datagram, counts_drops_that_are_asked_for_before_the_rest_is_read) {
  Scene scene(kind, {.count_drops = true, .receive_buffer = 8192});
  flood(scene, 0, 200, 1000);
  turn(scene.reactor, 100);
  flood(scene, 200, 200, 1000);
  const std::uint64_t dropped = scene.datagram.dropped();
  cr_expect(dropped > 200 && dropped < 400, "%lu", static_cast<unsigned long>(dropped));
  // Those that wait came when there were fewer, and say so.
  scene.heard.when_datagrams = [&](Datagram& socket) { cr_expect_eq(socket.dropped(), dropped); };
  turn(scene.reactor, 100);
  cr_expect_eq(scene.datagram.dropped(), dropped);
  cr_expect_eq(scene.heard.all.size() + dropped, 400);
}

TestEachSelector(datagram, has_dropped_nothing_where_there_is_room) {
  Scene scene(kind, {.count_drops = true, .receive_buffer = 4 << 20});
  cr_expect_geq(scene.datagram.receive_buffer(), 8192);
  flood(scene, 0, 100, 100);
  cr_assert(scene.hears(100));
  cr_expect_eq(scene.datagram.dropped(), 0);
}

TestEachSelector(datagram, counts_anew_when_it_is_opened_anew) {
  Scene scene(kind, {.count_drops = true, .receive_buffer = 8192});
  flood(scene, 0, 200, 1000);
  cr_expect_gt(scene.datagram.dropped(), 0);
  cr_assert(scene.datagram.open(Address::loopback_v4(0), {.count_drops = true}));
  cr_expect_eq(scene.datagram.dropped(), 0);
  scene.datagram.close();
  cr_expect_eq(scene.datagram.dropped(), 0);
}

// --- to many -------------------------------------------------------------------------------------

TestEachSelector(datagram, knows_what_was_sent_to_everybody) {
  Scene scene(kind, {.destination = true}, at("0.0.0.0:0"));
  scene.plain.set(SOL_SOCKET, SO_BROADCAST, 1);
  scene.plain.send("all", at("127.255.255.255", scene.to.port()));
  scene.send("one");
  cr_assert(scene.hears(2));
  expect_text(scene.heard, "all|one|");
  cr_expect(scene.heard.all[0].to_many && !scene.heard.all[1].to_many);
  cr_expect(scene.heard.all[0].to == at("127.255.255.255", scene.to.port()));
}

TestEachSelector(datagram, of_one_address_each_get_a_copy_of_what_is_for_all) {
  Scene scene(kind, {.share_address = true}, at("0.0.0.0:0"));
  RecordingDatagrams heard;
  Datagram second(scene.reactor, heard);
  cr_assert(second.open(scene.datagram.address(), {.share_address = true}));
  scene.plain.set(SOL_SOCKET, SO_BROADCAST, 1);
  for (const auto* bytes : {"a", "b", "c"}) {
    scene.plain.send(bytes, at("127.255.255.255", scene.to.port()));
  }
  cr_assert(run_until(scene.reactor,
                      [&] { return scene.heard.all.size() == 3 && heard.all.size() == 3; }));
  expect_text(scene.heard, "a|b|c|");
  expect_text(heard, "a|b|c|");
}

TestEachSelector(datagram, of_an_address_that_is_not_shared_is_alone_there) {
  // Whoever came second and were let in would get all that is sent to the first.
  for (const bool first_shares : {false, true}) {
    for (const bool second_shares : {false, true}) {
      Scene scene(kind, {.share_address = first_shares});
      RecordingDatagrams heard;
      Datagram second(scene.reactor, heard);
      const auto opened = second.open(scene.to, {.share_address = second_shares});
      cr_expect_eq(opened.has_value(), first_shares && second_shares);
      if (!opened) cr_expect_eq(opened.error().code, EADDRINUSE);
      cr_expect_eq(second.is_open(), opened.has_value());
    }
  }
}

// --- opening, connecting, closing ----------------------------------------------------------------

TestEachSelector(datagram, opens_a_socket_that_no_child_inherits) {
  Scene scene(kind);
  cr_expect(fcntl(scene.datagram.fd(), F_GETFD) & FD_CLOEXEC);
  cr_expect(fcntl(scene.datagram.fd(), F_GETFL) & O_NONBLOCK);
  cr_expect(scene.datagram.is_open() && scene.to.port() != 0);
  scene.datagram.close();
  cr_expect_not(scene.datagram.is_open());
  const PlainUdp now_free(scene.to);
}

TestEachSelector(datagram, says_why_it_cannot_be_opened) {
  Reactor reactor({.selector = kind});
  RecordingDatagrams heard;
  Datagram datagram(reactor, heard);
  const auto foreign = datagram.open(at("192.0.2.1:0"));
  cr_assert(!foreign);
  cr_expect_eq(foreign.error().code, EADDRNOTAVAIL);
  cr_expect_str_eq(foreign.error().operation, "bind");
  cr_expect_not(datagram.is_open());
  cr_expect(datagram.open(Address::loopback_v4(0)).has_value(), "and can be opened after it");
}

TestEachSelector(datagram, opened_anew_is_another_socket) {
  Scene scene(kind);
  scene.send("before");
  scene.datagram.pause_reading();
  cr_assert(scene.datagram.open(Address::loopback_v4(0)));
  scene.plain.send("after", scene.datagram.address());
  cr_assert(scene.hears(1));
  turn(scene.reactor, 3);
  expect_text(scene.heard, "after|");
}

TestEachSelector(datagram, connected_hears_that_peer_only) {
  Scene scene(kind);
  const PlainUdp peer, stranger;
  cr_assert(scene.datagram.connect(peer.address));
  stranger.send("strange", scene.to);
  peer.send("expected", scene.to);
  cr_assert(scene.hears(1));
  turn(scene.reactor, 3);
  expect_text(scene.heard, "expected|");
  cr_assert(scene.datagram.send(as_bytes("answer")));
  cr_expect(peer.receive() == "answer");
}

TestEachSelector(datagram, connected_knows_the_address_that_it_sends_from) {
  Scene scene(kind, {}, at("0.0.0.0:0"));
  cr_assert(scene.datagram.connect(scene.plain.address));
  cr_expect(scene.datagram.address() == scene.to);
}

TestEachSelector(datagram, can_be_closed_within_its_call) {
  Scene scene(kind);
  scene.heard.when_datagrams = [](Datagram& socket) { socket.close(); };
  flood(scene, 0, 10, 8);
  cr_assert(run_until(scene.reactor, [&] { return !scene.datagram.is_open(); }));
  turn(scene.reactor, 3);
  cr_expect_eq(scene.heard.batches.size(), 1);
}

TestEachSelector(datagram, can_be_opened_anew_within_its_call) {
  Scene scene(kind);
  scene.heard.when_datagrams = [&](Datagram& socket) {
    scene.heard.when_datagrams = {};
    cr_assert(socket.open(Address::loopback_v4(0)));
    scene.plain.send("second", socket.address());
  };
  flood(scene, 0, 10, 8);
  cr_assert(run_until(scene.reactor, [&] { return scene.heard.batches.size() == 2; }));
  cr_expect_str_eq(scene.heard.all.back().bytes.c_str(), "second");
}

TestEachSelector(datagram, can_be_retired_within_its_call) {
  Reactor reactor({.selector = kind});
  RecordingDatagrams heard;
  auto datagram = std::make_unique<Datagram>(reactor, heard);
  cr_assert(datagram->open(Address::loopback_v4(0)));
  const PlainUdp plain;
  const Address to = datagram->address();
  heard.when_datagrams = [&](Datagram&) { reactor.retire(std::move(datagram)); };
  for (int i = 0; i < 5; ++i) plain.send("x", to);
  cr_assert(run_until(reactor, [&] { return !datagram; }));
  turn(reactor, 3);
  cr_expect_eq(heard.batches.size(), 1);
  const PlainUdp now_free(to);
}

TestEachSelector(datagram, can_be_closed_by_another_one_that_is_ready_in_the_same_turn) {
  Reactor reactor({.selector = kind});
  RecordingDatagrams first, second;
  Datagram one(reactor, first), other(reactor, second);
  cr_assert(one.open(Address::loopback_v4(0)) && other.open(Address::loopback_v4(0)));
  first.when_datagrams = [&](Datagram&) { other.close(); };
  second.when_datagrams = [&](Datagram&) { one.close(); };
  const PlainUdp plain;
  plain.send("x", one.address());
  plain.send("x", other.address());
  turn(reactor, 5);
  cr_expect_eq(first.all.size() + second.all.size(), 1);
}

// --- the turn ------------------------------------------------------------------------------------

TestEachSelector(datagram, paused_hears_nothing_and_costs_no_turn) {
  Scene scene(kind);
  scene.datagram.pause_reading();
  flood(scene, 0, 3, 8);
  turn(scene.reactor, 2);
  const auto events = scene.reactor.stats().events;
  turn(scene.reactor, 5);
  cr_expect_eq(scene.reactor.stats().events, events);
  cr_expect(scene.heard.all.empty());
  scene.datagram.resume_reading();
  cr_assert(scene.hears(3));
}

TestEachSelector(datagram, can_be_paused_within_its_call) {
  Scene scene(kind);
  scene.heard.when_datagrams = [](Datagram& socket) { socket.pause_reading(); };
  flood(scene, 0, 150, 8);
  cr_assert(run_until(scene.reactor, [&] { return !scene.heard.all.empty(); }));
  turn(scene.reactor, 5);
  cr_expect_eq(scene.heard.batches.size(), 1);
  scene.heard.when_datagrams = {};
  scene.datagram.resume_reading();
  cr_assert(scene.hears(150));
}

TestEachSelector(datagram, takes_no_more_than_its_share_of_a_turn) {
  Scene scene(kind);
  flood(scene, 0, 150, 8);
  for (int i = 0; i < 20 && scene.heard.all.size() < 150; ++i) {
    const std::size_t before = scene.heard.all.size();
    bool timer_ran = false;
    const Timer timer = scene.reactor.after(0ns, [&] { timer_ran = true; });
    turn(scene.reactor);
    cr_expect(timer_ran, "a flood keeps no timer waiting");
    cr_expect_leq(scene.heard.all.size() - before, limits::kDatagramBatch);
  }
  cr_expect_eq(scene.heard.all.size(), 150);
}
