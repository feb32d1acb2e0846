#include <criterion/criterion.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reactor/datagram.h"
#include "tests/support/datagrams.h"
#include "tests/support/loop.h"
#include "tests/support/own_network.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

using Options = Datagram::Options;

/// A port at which nobody is, and which nobody else gets: a TCP socket would not keep it.
Address deserted() {
  const PlainUdp closed;
  return closed.address;
}

struct Scene {
  explicit Scene(SelectorKind kind, const Options& options = {},
                 const Address& bound = Address::loopback_v4(0))
      : reactor({.selector = kind}), datagram(reactor, heard) {
    cr_assert(datagram.open(bound, options));
  }
  bool has_errors(std::size_t count) {
    return run_until(reactor, [&] { return heard.errors.size() >= count; });
  }
  bool hears(std::size_t count) {
    return run_until(reactor, [&] { return heard.all.size() >= count; });
  }

  Reactor reactor;
  RecordingDatagrams heard;
  Datagram datagram;
};

}  // namespace

// --- connected -----------------------------------------------------------------------------------

TestEachSelector(datagram_error, of_a_peer_that_is_not_there_is_told_and_the_socket_goes_on) {
  Scene scene(kind);
  const Address nobody = deserted();
  cr_assert(scene.datagram.connect(nobody));
  cr_expect(scene.datagram.send(as_bytes("1")).has_value());
  cr_expect(scene.heard.errors.empty(), "never from inside a call");
  cr_assert(scene.has_errors(1));
  cr_expect(scene.heard.errors[0].peer == nobody);
  cr_expect_eq(scene.heard.errors[0].code, ECONNREFUSED);
  turn(scene.reactor, 3);
  cr_expect_eq(scene.heard.errors.size(), 1);
  const PlainUdp somebody(nobody);
  cr_expect(scene.datagram.send(as_bytes("2")).has_value());
  cr_expect(somebody.receive() == "2");
  somebody.send("3", scene.datagram.address());
  cr_assert(scene.hears(1));
}

TestEachSelector(datagram_error, that_waits_is_not_the_next_sends) {
  Scene scene(kind);
  const Address nobody = deserted();
  cr_assert(scene.datagram.connect(nobody));
  cr_expect(scene.datagram.send(as_bytes("1")).has_value());
  const PlainUdp somebody(nobody);
  cr_expect(scene.datagram.send(as_bytes("2")).has_value(), "the error is that of the first");
  cr_expect(somebody.receive() == "2");
  cr_expect(scene.heard.errors.empty());
  cr_assert(scene.has_errors(1));
  cr_expect_eq(scene.heard.errors[0].code, ECONNREFUSED);
  cr_expect(scene.heard.errors[0].peer == nobody);
}

TestEachSelector(datagram_error, that_waits_is_not_the_next_batchs_and_is_told_all_the_same) {
  Scene scene(kind);
  const Address nobody = deserted();
  cr_assert(scene.datagram.connect(nobody));
  const Outgoing batch[] = {{as_bytes("1")}, {as_bytes("22")}, {as_bytes("3")}};
  cr_expect_eq(scene.datagram.send(batch), 3);
  const PlainUdp somebody(nobody);
  cr_expect_eq(scene.datagram.send(batch), 3);
  for (const auto* text : {"1", "22", "3"}) cr_expect(somebody.receive() == text);
  cr_assert(scene.has_errors(1));
  cr_expect_eq(scene.heard.errors[0].code, ECONNREFUSED);
  cr_expect_eq(scene.datagram.failed_sends(), 0);
}

TestEachSelector(datagram_error, that_waits_keeps_no_segments_from_going) {
  Scene scene(kind);
  const Address nobody = deserted();
  cr_assert(scene.datagram.connect(nobody));
  cr_expect(scene.datagram.send(as_bytes("1")).has_value());
  const PlainUdp somebody(nobody);
  const std::string all(2500, 'x');
  const auto sent = scene.datagram.send_segments(as_bytes(all), 1000, nobody);
  cr_expect(sent && *sent == 2500);
  for (const std::size_t size : {1000, 1000, 500}) cr_expect_eq(somebody.receive().size(), size);
  cr_assert(scene.has_errors(1));
}

TestEachSelector(datagram_error, can_be_the_end_of_the_socket) {
  for (const bool errors : {false, true}) {
    Scene scene(kind, {.errors = errors});
    scene.heard.when_error = [](Datagram& socket) { socket.close(); };
    cr_assert(scene.datagram.connect(deserted()));
    for (int i = 0; i < 3; ++i) cr_expect(scene.datagram.send(as_bytes("x")).has_value());
    cr_assert(scene.has_errors(1));
    turn(scene.reactor, 3);
    cr_expect_eq(scene.heard.errors.size(), 1);
  }
}

TestEachSelector(datagram_error, can_be_the_end_of_its_owner) {
  for (const bool errors : {false, true}) {
    Reactor reactor({.selector = kind});
    RecordingDatagrams heard;
    auto datagram = std::make_unique<Datagram>(reactor, heard);
    cr_assert(datagram->open(Address::loopback_v4(0), {.errors = errors}));
    cr_assert(datagram->connect(deserted()));
    heard.when_error = [&](Datagram& socket) {
      socket.close();
      reactor.retire(std::move(datagram));
    };
    for (int i = 0; i < 3; ++i) (void)datagram->send(as_bytes("x"));
    cr_assert(run_until(reactor, [&] { return !datagram; }));
    turn(reactor, 3);
    cr_expect_eq(heard.errors.size(), 1);
  }
}

// --- not connected -------------------------------------------------------------------------------

TestEachSelector(datagram_error, is_not_told_without_a_connection_unless_asked_for) {
  Scene scene(kind);
  const PlainUdp plain;
  cr_expect(scene.datagram.send(as_bytes("x"), deserted()).has_value());
  cr_expect(scene.datagram.send(as_bytes("y"), plain.address).has_value());
  turn(scene.reactor, 3);
  cr_expect(scene.heard.errors.empty());
}

TestEachSelector(datagram_error, names_the_peer_that_it_was_about) {
  Scene scene(kind, {.errors = true});
  const Address nobody = deserted();
  const PlainUdp there;
  const Address unlikely = at("127.0.0.9", nobody.port());
  for (const Address& to : {nobody, there.address, unlikely, there.address}) {
    cr_expect(scene.datagram.send(as_bytes("x"), to).has_value(), "%s", to.to_string().c_str());
  }
  cr_assert(scene.has_errors(2));
  turn(scene.reactor, 3);
  cr_assert_eq(scene.heard.errors.size(), 2);
  cr_expect(scene.heard.errors[0].peer == nobody && scene.heard.errors[1].peer == unlikely);
  for (const auto& error : scene.heard.errors) cr_expect_eq(error.code, ECONNREFUSED);
  cr_expect(there.receive() == "x" && there.receive() == "x" && there.is_empty());
  there.send("back", scene.datagram.address());
  cr_assert(scene.hears(1));
}

TestEachSelector(datagram_error, names_a_peer_by_ipv6_too) {
  const Fd probe(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Address home = at("[::1]:0");
  if (!probe || bind(probe.get(), home.data(), home.size()) != 0) cr_skip("no IPv6 here");
  Address nobody;
  {
    const PlainUdp closed(home);
    nobody = closed.address;
  }
  Scene scene(kind, {.errors = true}, at("[::]:0"));
  cr_expect(scene.datagram.send(as_bytes("x"), nobody).has_value());
  const Address by_four = at("[::ffff:127.0.0.1]", deserted().port());
  cr_expect(scene.datagram.send(as_bytes("x"), by_four).has_value());
  cr_assert(scene.has_errors(2));
  cr_expect(scene.heard.errors[0].peer == nobody);
  cr_expect(scene.heard.errors[1].peer.unmapped() == by_four.unmapped(), "%s",
            scene.heard.errors[1].peer.to_string().c_str());
}

TestEachSelector(datagram_error, that_was_told_wakes_nobody_again) {
  Scene scene(kind, {.errors = true});
  const Address nobody = deserted();
  for (int i = 0; i < 10; ++i) (void)scene.datagram.send(as_bytes("x"), nobody);
  cr_assert(scene.has_errors(10));
  turn(scene.reactor, 3);
  const auto events = scene.reactor.stats().events;
  turn(scene.reactor, 5);
  cr_expect_eq(scene.reactor.stats().events, events, "the queue of errors is read to its end");
  cr_expect_eq(scene.heard.errors.size(), 10);
}

TestEachSelector(datagram_error, comes_although_datagrams_come_as_well) {
  Scene scene(kind, {.errors = true});
  const PlainUdp plain;
  const Address nobody = deserted();
  for (int i = 0; i < 100; ++i) {
    plain.send("x", scene.datagram.address());
    (void)scene.datagram.send(as_bytes("x"), nobody);
  }
  cr_assert(run_until(
      scene.reactor, [&] { return scene.heard.all.size() == 100 && !scene.heard.errors.empty(); }));
  turn(scene.reactor, 10);
  const auto events = scene.reactor.stats().events;
  turn(scene.reactor, 5);
  cr_expect_eq(scene.reactor.stats().events, events);
}

TestEachSelector(datagram_error, while_paused_costs_no_turn_and_is_told_afterwards) {
  Scene scene(kind, {.errors = true});
  scene.datagram.pause_reading();
  (void)scene.datagram.send(as_bytes("x"), deserted());
  turn(scene.reactor, 2);
  const auto events = scene.reactor.stats().events;
  turn(scene.reactor, 5);
  cr_expect_eq(scene.reactor.stats().events, events);
  cr_expect(scene.heard.errors.empty());
  scene.datagram.resume_reading();
  cr_assert(scene.has_errors(1));
}

// --- no room -------------------------------------------------------------------------------------

namespace {

/// An interface behind which nobody answers: what is sent there waits in the kernel, in the memory
/// of the socket that has sent it, until the neighbour is given up as not there.
struct Limbo {
  Limbo() {
    network.add_pair("limbo", "beyond");
    network.set_address("limbo", "10.77.0.1");
    network.set_up("limbo", true);
    network.set_up("beyond", true);
    std::ofstream("/proc/sys/net/ipv4/neigh/limbo/retrans_time_ms") << "20" << std::flush;
  }
  OwnNetwork network;
  Address nobody = at("10.77.0.2:9");
};

}  // namespace

TestEachSelector(datagram_room, that_comes_back_is_told) {
  Limbo limbo;
  Scene scene(kind, {.send_buffer = 4608}, at("0.0.0.0:0"));
  const std::string bytes(1000, 'x');
  int gone = 0;
  Result<void> sent;
  while ((sent = scene.datagram.send(as_bytes(bytes), limbo.nobody)) && gone < 1000) ++gone;
  cr_assert(!sent, "%d went into a buffer of 4608 bytes", gone);
  cr_expect_eq(sent.error().code, EAGAIN);
  cr_expect_gt(gone, 0);
  cr_expect_eq(scene.heard.writable, 0);
  cr_assert(run_until(scene.reactor, [&] { return scene.heard.writable > 0; }));
  cr_expect(scene.datagram.send(as_bytes(bytes), limbo.nobody).has_value());
  turn(scene.reactor, 3);
  cr_expect_eq(scene.heard.writable, 1, "once for each time that there was none");
}

TestEachSelector(datagram_room, for_a_part_of_a_batch_takes_that_part) {
  Limbo limbo;
  Scene scene(kind, {.send_buffer = 16'384}, at("0.0.0.0:0"));
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 100; ++i) texts.emplace_back(500 + i, 'x');
  std::vector<Outgoing> batch;
  for (const auto& text : texts) batch.push_back({as_bytes(text), &limbo.nobody});
  const std::size_t gone = scene.datagram.send(batch);
  cr_assert(gone > 0 && gone < batch.size(), "%zu went", gone);
  cr_expect_eq(scene.datagram.send(std::span(batch).subspan(gone)), 0);
  cr_assert(run_until(scene.reactor, [&] { return scene.heard.writable > 0; }));
  cr_expect_gt(scene.datagram.send(std::span(batch).subspan(gone)), 0);
  cr_expect_eq(scene.datagram.failed_sends(), 0);
}

TestEachSelector(datagram_room, for_a_part_of_the_segments_takes_that_part) {
  Limbo limbo;
  Scene scene(kind, {.send_buffer = 30'000}, at("0.0.0.0:0"));
  const std::string all(1'000'000, 'x');
  const auto gone = scene.datagram.send_segments(as_bytes(all), 1400, limbo.nobody);
  cr_assert(gone && *gone > 0 && *gone < all.size());
  cr_expect_eq(*gone % 1400, 0);
  const auto more = scene.datagram.send_segments(as_bytes(all), 1400, limbo.nobody);
  cr_expect(more && *more == 0);
  cr_assert(run_until(scene.reactor, [&] { return scene.heard.writable > 0; }));
  const auto then = scene.datagram.send_segments(as_bytes(all), 1400, limbo.nobody);
  cr_expect(then && *then > 0);
}

TestEachSelector(datagram_room, is_waited_for_while_reading_is_paused) {
  Limbo limbo;
  Scene scene(kind, {.send_buffer = 4608}, at("0.0.0.0:0"));
  const std::string bytes(1000, 'x');
  scene.datagram.pause_reading();
  while (scene.datagram.send(as_bytes(bytes), limbo.nobody)) continue;
  cr_assert(run_until(scene.reactor, [&] { return scene.heard.writable > 0; }));
  const PlainUdp plain(at("127.0.0.1:0"));
  plain.send("x", at("127.0.0.1", scene.datagram.address().port()));
  turn(scene.reactor, 5);
  cr_expect(scene.heard.all.empty());
  scene.datagram.resume_reading();
  cr_assert(scene.hears(1));
}

// --- runs of datagrams ---------------------------------------------------------------------------

TestEachSelector(datagram_coalesced, says_how_to_cut_what_came_as_one) {
  Scene sender(kind);
  RecordingDatagrams heard;
  Datagram datagram(sender.reactor, heard);
  cr_assert(datagram.open(Address::loopback_v4(0), {.coalesce = true, .receive_buffer = 4 << 20}));
  std::string all(100 * 1000 + 77, '\0');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>('a' + i / 1000 % 26);
  cr_assert(sender.datagram.send_segments(as_bytes(all), 1000, datagram.address()));
  std::string got;
  cr_assert(run_until(sender.reactor, [&] {
    got.clear();
    for (const auto& one : heard.all) got += one.bytes;
    return got.size() >= all.size();
  }));
  cr_expect(got == all);
  std::size_t datagrams = 0;
  for (const auto& one : heard.all) {
    if (one.segment != 0) cr_expect_eq(one.segment, 1000);
    if (one.segment == 0) cr_expect_leq(one.bytes.size(), 1000);
    datagrams += one.segment == 0 ? 1 : (one.bytes.size() + one.segment - 1) / one.segment;
  }
  cr_expect_eq(datagrams, 101);
  if (heard.all.size() == 101) cr_skip("this kernel does not put datagrams together");
  cr_expect_lt(heard.all.size(), 50);
}

TestEachSelector(datagram_coalesced, comes_one_by_one_where_it_was_not_asked_for) {
  Scene sender(kind);
  RecordingDatagrams heard;
  Datagram datagram(sender.reactor, heard);
  cr_assert(datagram.open(Address::loopback_v4(0), {.receive_buffer = 4 << 20}));
  const std::string all(10'500, 'x');
  cr_assert(sender.datagram.send_segments(as_bytes(all), 1000, datagram.address()));
  cr_assert(run_until(sender.reactor, [&] { return heard.all.size() >= 11; }));
  for (const auto& one : heard.all) cr_expect_eq(one.segment, 0);
  cr_expect_eq(heard.all[10].bytes.size(), 500);
}
