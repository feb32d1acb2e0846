#include "reactor/multicast.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/datagrams.h"
#include "tests/support/loop.h"
#include "tests/support/own_network.h"

using namespace sluice;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

/// A Datagram for groups, bound to every host; `port` 0 for a free one.
struct Member {
  explicit Member(Reactor& reactor, std::uint16_t port = 0, const char* any = "0.0.0.0")
      : datagram(reactor, heard) {
    cr_assert(datagram.open(at(any, port), {.destination = true, .share_address = true}));
    cr_assert(only_joined_groups(datagram.fd(), datagram.address().family()));
  }
  Result<void> join(const Address& group, const Address* source = nullptr) {
    return join_group(datagram.fd(), group, loopback_index(), source);
  }
  Result<void> leave(const Address& group, const Address* source = nullptr) {
    return leave_group(datagram.fd(), group, loopback_index(), source);
  }
  std::uint16_t port() const { return datagram.address().port(); }

  RecordingDatagrams heard;
  Datagram datagram;
};

/// A plain socket whose datagrams to groups go out on lo.
struct Sender : PlainUdp {
  explicit Sender(const Address& bound = Address::loopback_v4(0)) : PlainUdp(bound) {
    cr_assert(set_multicast_interface(fd(), bound.family(), loopback_index()));
  }
};

void expect_error(const Result<void>& result, int code) {
  cr_expect(!result && result.error().code == code, "%s",
            result ? "no error" : result.error().message().c_str());
}

bool has_ipv6() {
  const Fd probe(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Address home = at("[::1]:0");
  return probe && bind(probe.get(), home.data(), home.size()) == 0;
}

const char* const kGroups[] = {"239.255.17.1", "239.255.17.2", "239.255.17.3"};

}  // namespace

// --- membership ----------------------------------------------------------------------------------

TestEachSelector(multicast, brings_what_is_sent_to_a_group_that_was_joined) {
  Reactor reactor({.selector = kind});
  Member member(reactor);
  const Address group = at(kGroups[0], member.port());
  cr_assert(member.join(group));
  const Sender sender;
  sender.send("hello", group);
  cr_assert(run_until(reactor, [&] { return !member.heard.all.empty(); }));
  const auto& got = member.heard.all[0];
  cr_expect(got.bytes == "hello" && got.from == sender.address && got.to == group);
  cr_expect(got.to_many && got.interface_index == loopback_index());
}

TestEachSelector(multicast, brings_ipv6_groups_as_well) {
  OwnNetwork network;
  if (!has_ipv6()) cr_skip("no IPv6 here");
  network.add_pair("wire", "wire2");
  // Or the address is not to be used before it is known that no neighbour has it.
  std::ofstream("/proc/sys/net/ipv6/conf/wire/accept_dad") << "0" << std::flush;
  network.set_up("wire2", true);
  network.set_up("wire", true);
  const unsigned index = if_nametoindex("wire");
  Reactor reactor({.selector = kind});
  Member member(reactor, 0, "[::]");
  const Address group = at("[ff15::17:1]", member.port());
  const int fd = member.datagram.fd();
  cr_assert(join_group(fd, group, index));
  cr_assert(set_multicast_interface(fd, AF_INET6, index));
  // The kernel gives the interface its address and its routes in its own time.
  cr_assert(run_until(reactor,
                      [&] { return member.datagram.send(as_bytes("hello"), group).has_value(); }));
  cr_assert(run_until(reactor, [&] { return !member.heard.all.empty(); }));
  const auto& got = member.heard.all[0];
  cr_expect(got.to == group && got.to_many && got.interface_index == index);
  cr_expect(leave_group(fd, group, index).has_value());
  expect_error(leave_group(fd, group, index), EADDRNOTAVAIL);
}

TestEachSelector(multicast, brings_to_each_socket_the_groups_that_it_has_joined_only) {
  Reactor reactor({.selector = kind});
  Member first(reactor);
  Member second(reactor, first.port());
  cr_assert(first.join(at(kGroups[0], first.port())));
  cr_assert(second.join(at(kGroups[1], first.port())));
  cr_assert(second.join(at(kGroups[2], first.port())));
  // As the kernel has it by itself: whoever is bound to every host hears every process' groups.
  RecordingDatagrams all;
  Datagram curious(reactor, all);
  cr_assert(curious.open(at("0.0.0.0", first.port()), {.share_address = true}));
  const Sender sender;
  for (const char* group : kGroups) sender.send(group, at(group, first.port()));
  cr_assert(run_until(reactor, [&] { return all.all.size() == 3; }));
  turn(reactor, 3);
  expect_text(first.heard, "239.255.17.1|");
  expect_text(second.heard, "239.255.17.2|239.255.17.3|");
}

TestEachSelector(multicast, brings_a_copy_to_each_member) {
  Reactor reactor({.selector = kind});
  Member first(reactor);
  Member second(reactor, first.port());
  const Address group = at(kGroups[0], first.port());
  cr_assert(first.join(group) && second.join(group));
  const Sender sender;
  for (const auto* text : {"a", "b", "c"}) sender.send(text, group);
  cr_assert(run_until(reactor,
                      [&] { return first.heard.all.size() == 3 && second.heard.all.size() == 3; }));
  expect_text(first.heard, "a|b|c|");
  expect_text(second.heard, "a|b|c|");
}

TestEachSelector(multicast, ends_when_the_group_is_left) {
  Reactor reactor({.selector = kind});
  Member member(reactor);
  const Address left = at(kGroups[0], member.port()), kept = at(kGroups[1], member.port());
  cr_assert(member.join(left) && member.join(kept));
  cr_assert(member.leave(left));
  const Sender sender;
  sender.send("left", left);
  sender.send("kept", kept);
  cr_assert(run_until(reactor, [&] { return !member.heard.all.empty(); }));
  turn(reactor, 3);
  expect_text(member.heard, "kept|");
  expect_error(member.leave(left), EADDRNOTAVAIL);
}

TestEachSelector(multicast, of_one_source_brings_nothing_of_another) {
  Reactor reactor({.selector = kind});
  Member member(reactor);
  const Address group = at("232.17.17.17", member.port());
  const Address wanted = at("127.0.0.5:0"), unwanted = at("127.0.0.6:0");
  cr_assert(member.join(group, &wanted));
  const Sender stranger(unwanted), friendly(wanted);
  stranger.send("unwanted", group);
  friendly.send("wanted", group);
  cr_assert(run_until(reactor, [&] { return !member.heard.all.empty(); }));
  turn(reactor, 3);
  expect_text(member.heard, "wanted|");
  // Of several, each is joined by itself.
  cr_assert(member.join(group, &unwanted));
  stranger.send("now wanted", group);
  cr_assert(run_until(reactor, [&] { return member.heard.all.size() == 2; }));
  cr_expect(member.leave(group, &wanted).has_value());
  expect_error(member.leave(group, &wanted), EADDRNOTAVAIL);
}

Test(multicast, that_is_joined_already_is_fine) {
  Reactor reactor;
  Member member(reactor);
  const Address group = at(kGroups[0], member.port()), source = at("127.0.0.5:0");
  const Address sourced = at("232.17.17.17", member.port());
  for (int i = 0; i < 3; ++i) {
    cr_expect(member.join(group).has_value());
    cr_expect(member.join(sourced, &source).has_value());
  }
  if (!has_ipv6()) return;
  Member six(reactor, 0, "[::]");
  const Address group_six = at("[ff15::17:1]:0"), source_six = at("[::1]:0");
  const Address sourced_six = at("[ff35::17:1]:0");
  for (int i = 0; i < 3; ++i) {
    cr_expect(six.join(group_six).has_value());
    cr_expect(six.join(sourced_six, &source_six).has_value());
  }
}

Test(multicast, on_an_interface_that_is_not_there_is_enodev) {
  Reactor reactor;
  Member member(reactor);
  const Address group = at(kGroups[0], member.port());
  expect_error(join_group(member.datagram.fd(), group, 4'000'000), ENODEV);
  const Address source = at("127.0.0.5:0");
  expect_error(join_group(member.datagram.fd(), group, 4'000'000, &source), ENODEV);
  expect_error(set_multicast_interface(member.datagram.fd(), AF_INET, 4'000'000), EADDRNOTAVAIL);
  if (!has_ipv6()) return;
  Member six(reactor, 0, "[::]");
  expect_error(join_group(six.datagram.fd(), at("[ff15::1]:0"), 4'000'000), ENODEV);
  expect_error(set_multicast_interface(six.datagram.fd(), AF_INET6, 4'000'000), ENODEV);
}

Test(multicast, of_what_is_no_group_is_refused) {
  Reactor reactor;
  Member member(reactor);
  for (const char* host : {"127.0.0.1", "223.255.255.255", "240.0.0.0", "255.255.255.255"}) {
    expect_error(member.join(at(host, 0)), EINVAL);
  }
}

Test(multicast, beyond_the_memberships_of_a_socket_is_enobufs) {
  int most = 0;
  std::ifstream("/proc/sys/net/ipv4/igmp_max_memberships") >> most;
  if (most <= 0 || most > 1000) cr_skip("no bound that could be reached");
  Reactor reactor;
  Member member(reactor);
  for (int i = 0; i < most; ++i) {
    cr_assert(member.join(at(concat("239.255.18.", i + 1), 0)), "group %d of %d", i + 1, most);
  }
  const auto beyond = member.join(at("239.255.19.1:0"));
  expect_error(beyond, ENOBUFS);
  cr_expect(beyond.error().message("239.255.19.1") ==
            "join the group 239.255.19.1: No buffer space available");
  cr_assert(member.leave(at("239.255.18.1:0")));
  cr_expect(member.join(at("239.255.19.1:0")).has_value());
}

Test(multicast, goes_over_routers_or_not_and_is_heard_here_or_not) {
  Reactor reactor;
  Member member(reactor);
  const int fd = member.datagram.fd();
  for (const int hops : {0, 1, 255}) {
    cr_assert(set_multicast_hops(fd, AF_INET, hops));
    int is = -1;
    socklen_t size = sizeof is;
    getsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &is, &size);
    cr_expect_eq(is, hops);
  }
  expect_error(set_multicast_hops(fd, AF_INET, 256), EINVAL);
  const Address group = at(kGroups[0], member.port());
  cr_assert(member.join(group));
  cr_assert(set_multicast_interface(fd, AF_INET, loopback_index()));
  for (const bool loops : {false, true}) {
    cr_assert(set_multicast_loop(fd, AF_INET, loops));
    int is = -1;
    socklen_t size = sizeof is;
    getsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &is, &size);
    cr_expect_eq(is, loops);
  }
  if (!has_ipv6()) return;
  Member six(reactor, 0, "[::]");
  cr_assert(set_multicast_hops(six.datagram.fd(), AF_INET6, 7));
  cr_assert(set_multicast_loop(six.datagram.fd(), AF_INET6, false));
  int is = -1;
  socklen_t size = sizeof is;
  getsockopt(six.datagram.fd(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &is, &size);
  cr_expect_eq(is, 7);
}

// --- interfaces ----------------------------------------------------------------------------------

Test(interfaces, are_listed_once_each) {
  const auto all = interfaces();
  cr_assert(all.has_value());
  const auto lo = std::ranges::find(*all, "lo", &Interface::name);
  cr_assert(lo != all->end());
  cr_expect(lo->index == loopback_index() && lo->loopback && lo->up);
  for (std::size_t i = 1; i < all->size(); ++i) cr_expect_lt((*all)[i - 1].index, (*all)[i].index);
}

Test(interfaces, are_found_by_name_number_and_address) {
  for (const std::string& text : {"lo"s, concat(loopback_index()), "127.0.0.1"s}) {
    const auto found = find_interface(text);
    cr_assert(found.has_value(), "%s", text.c_str());
    cr_expect(found->name == "lo" && found->index == loopback_index());
  }
  if (has_ipv6()) cr_expect(find_interface("::1").has_value());
}

Test(interfaces, that_are_not_there_are_enodev) {
  for (const char* text :
       {"", "nowhere0", "4000000", "0", "192.0.2.77", "lo ", "127.0.0.1:5", "-1"}) {
    const auto found = find_interface(text);
    cr_expect(!found && found.error().code == ENODEV, "\"%s\"", text);
  }
}

Test(interfaces, of_a_network_are_found_whatever_they_are_called) {
  OwnNetwork network;
  network.add_pair("wire", "wire2");
  network.set_address("wire", "10.66.0.1");
  network.set_address("wire:label", "10.66.0.2");
  network.add_pair("1", "2");
  const auto all = interfaces();
  cr_assert(all.has_value());
  cr_expect_eq(std::ranges::count(*all, "wire", &Interface::name), 1);
  for (const char* text : {"wire", "10.66.0.1", "10.66.0.2"}) {
    const auto found = find_interface(text);
    cr_expect(found && found->name == "wire", "%s", text);
  }
  const auto found = find_interface("1");
  cr_expect(found && found->name == "1", "a name goes before a number");
}

Test(interfaces, tell_whether_they_are_up) {
  OwnNetwork network;
  network.add_pair("wire", "wire2");
  cr_expect_not(find_interface("wire")->up);
  network.set_up("wire", true);
  cr_expect(find_interface("wire")->up);
  cr_expect_not(find_interface("wire")->loopback);
}

// --- interfaces that come and go -----------------------------------------------------------------

namespace {

/// An interface with a route for the groups, so that a datagram finds its way out and back.
void add_wire(OwnNetwork& network) {
  network.add_pair("wire", "wire2");
  network.set_address("wire", "10.66.0.1");
  network.set_up("wire", true);
  network.set_up("wire2", true);
}

bool hears(Reactor& reactor, Member& member, const Address& group) {
  const PlainUdp sender(at("0.0.0.0:0"));
  cr_assert(set_multicast_interface(sender.fd(), AF_INET, if_nametoindex("wire")));
  const std::size_t before = member.heard.all.size();
  sender.send("x", group);
  turn(reactor, 5);
  return member.heard.all.size() > before;
}

}  // namespace

TestEachSelector(multicast, outlives_its_interface_going_down_but_not_its_going_away) {
  OwnNetwork network;
  add_wire(network);
  Reactor reactor({.selector = kind});
  Member member(reactor);
  const Address group = at(kGroups[0], member.port());
  const unsigned first = if_nametoindex("wire");
  cr_assert(join_group(member.datagram.fd(), group, first));
  cr_expect(hears(reactor, member, group));
  network.set_up("wire", false);
  network.set_up("wire", true);
  cr_expect(hears(reactor, member, group), "down and up again keeps the membership");

  network.remove("wire");
  expect_error(join_group(member.datagram.fd(), group, first), ENODEV);
  add_wire(network);
  const unsigned second = if_nametoindex("wire");
  cr_assert_neq(second, first);
  cr_expect_not(hears(reactor, member, group));
  cr_assert(join_group(member.datagram.fd(), group, second));
  cr_expect(hears(reactor, member, group));
}

Test(multicast, without_a_route_is_enodev_unless_the_interface_is_named) {
  OwnNetwork network;
  Reactor reactor;
  Member member(reactor);
  const Address group = at(kGroups[0], member.port());
  expect_error(join_group(member.datagram.fd(), group, 0), ENODEV);
  cr_expect(member.join(group).has_value());
}

// --- kinds of groups -----------------------------------------------------------------------------

Test(multicast_groups, of_the_link_are_never_passed_on) {
  for (const char* one : {"224.0.0.0:1", "224.0.0.1:1", "224.0.0.255:1", "[ff01::1]:1",
                          "[ff02::1]:1", "[ff12::1]:1", "[ff32::8000:1]:1"}) {
    cr_expect(is_link_local_group(at(one)), "%s", one);
  }
  for (const char* one : {"224.0.1.0:1", "223.255.255.255:1", "239.0.0.1:1", "10.0.0.224:1",
                          "[ff05::1]:1", "[ff0e::1]:1", "[ff15::2]:1", "[fe80::1]:1", "[::1]:1"}) {
    cr_expect_not(is_link_local_group(at(one)), "%s", one);
  }
  cr_expect_not(is_link_local_group(Address()));
}

Test(multicast_groups, of_a_source_have_addresses_of_their_own) {
  for (const char* one : {"232.0.0.0:1", "232.255.255.255:1", "[ff3e::8000:1]:1", "[ff35::1]:1"}) {
    cr_expect(is_source_specific_group(at(one)), "%s", one);
  }
  for (const char* one : {"231.255.255.255:1", "233.0.0.0:1", "239.232.0.1:1", "[ff0e::1]:1",
                          "[ff2e::1]:1", "[ff15::1]:1", "10.0.0.232:1"}) {
    cr_expect_not(is_source_specific_group(at(one)), "%s", one);
  }
  cr_expect_not(is_source_specific_group(Address()));
}
