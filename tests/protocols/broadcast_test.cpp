#include <criterion/criterion.h>
#include <net/if.h>

#include <cstring>
#include <deque>

#include "protocols/broadcast/receiver.h"
#include "protocols/broadcast/targets.h"
#include "reactor/text.h"
#include "tests/support/loop.h"
#include "tests/support/udp.h"

using namespace sluice;

namespace {

/// A list as getifaddrs(3) makes one.
class Interfaces {
 public:
  void add(const char* name, unsigned flags, const char* address, const char* mask,
           const char* broadcast) {
    entries_.push_back({});
    ::ifaddrs& entry = entries_.back();
    entry.ifa_name = const_cast<char*>(name);
    entry.ifa_flags = flags;
    entry.ifa_addr = hold(address);
    entry.ifa_netmask = hold(mask);
    entry.ifa_broadaddr = hold(broadcast);
    if (entries_.size() > 1) entries_[entries_.size() - 2].ifa_next = &entry;
  }
  const ::ifaddrs* list() const { return entries_.empty() ? nullptr : &entries_.front(); }

 private:
  ::sockaddr* hold(const char* host) {
    if (host == nullptr) return nullptr;
    const bool v6 = std::string_view(host).contains(':');
    addresses_.push_back(*Address::parse(v6 ? concat('[', host, "]:0") : concat(host, ":0")));
    return const_cast<::sockaddr*>(addresses_.back().data());
  }

  std::deque<::ifaddrs> entries_;
  std::deque<Address> addresses_;
};

constexpr unsigned kUp = IFF_UP | IFF_BROADCAST;

std::string shown(const std::vector<broadcast::Target>& targets) {
  std::string text;
  for (const auto& target : targets) text += concat(target.interface, '=', target.address, ' ');
  return text;
}

}  // namespace

Test(broadcast_targets, are_the_networks_of_the_interfaces_that_can) {
  Interfaces all;
  all.add("lo", IFF_UP | IFF_LOOPBACK, "127.0.0.1", "255.0.0.0", nullptr);
  all.add("down", IFF_BROADCAST, "10.1.0.1", "255.255.0.0", "10.1.255.255");
  all.add("eth0", kUp, "192.0.2.7", "255.255.255.0", "192.0.2.255");
  all.add("eth0", kUp, "2001:db8::1", "ffff:ffff::", nullptr);
  all.add("eth0", kUp, nullptr, nullptr, nullptr);  // of its link layer
  all.add("eth1", kUp, "10.9.8.7", "255.255.252.0", "10.9.11.255");
  cr_expect(shown(broadcast::targets_of(all.list(), 5008, "")) ==
            "eth0=192.0.2.255:5008 eth1=10.9.11.255:5008 ");
  cr_expect(shown(broadcast::targets_of(all.list(), 9, "eth1")) == "eth1=10.9.11.255:9 ");
  cr_expect(broadcast::targets_of(nullptr, 9, "").empty());
}

Test(broadcast_targets, are_computed_where_the_interface_was_given_none) {
  Interfaces all;
  all.add("a", kUp, "10.0.3.4", "255.255.254.0", nullptr);
  all.add("b", kUp, "10.1.0.1", "255.255.255.0", "0.0.0.0");
  all.add("c", kUp, "10.2.0.1", "255.255.255.0", "10.2.0.1");
  cr_expect(shown(broadcast::targets_of(all.list(), 1, "")) ==
            "a=10.0.3.255:1 b=10.1.0.255:1 c=10.2.0.255:1 ");
}

Test(broadcast_targets, leave_out_networks_of_two_and_name_a_network_once) {
  Interfaces all;
  all.add("tun", kUp, "10.0.0.1", "255.255.255.254", "10.0.0.1");
  all.add("host", kUp, "10.0.0.9", "255.255.255.255", "10.0.0.9");
  all.add("eth0", kUp, "192.0.2.7", "255.255.255.0", "192.0.2.255");
  all.add("eth0", kUp, "192.0.2.8", "255.255.255.0", "192.0.2.255");
  cr_expect(shown(broadcast::targets_of(all.list(), 1, "")) == "eth0=192.0.2.255:1 ");
}

Test(broadcast_targets, name_an_interface_that_is_not_there) {
  const auto found = broadcast::targets(1, "none-such");
  cr_assert(!found);
  cr_expect(found.error().code == ENODEV);
}

TestEachSelector(broadcast_receiver, hears_beside_another_at_the_same_port) {
  Reactor reactor({.selector = kind});
  std::string first, second;
  broadcast::Receiver one(reactor, [&](const Received& got) { first += as_text(got.bytes); });
  broadcast::Receiver two(reactor, [&](const Received& got) { second += as_text(got.bytes); });
  cr_assert(one.open(Address::any_v4(0)));
  cr_assert(two.open(Address::any_v4(one.address().port())));
  UdpPeer sender;
  const int on = 1;
  cr_assert(setsockopt(sender.fd(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0);
  sender.send("heard", *Address::parse(concat("127.255.255.255:", one.address().port())));
  cr_assert(run_until(reactor, [&] { return !first.empty() && !second.empty(); }));
  cr_expect(first == "heard" && second == "heard");
}

Test(broadcast_receiver, hears_nothing_of_the_rest_of_a_batch_once_closed) {
  Reactor reactor;
  int heard = 0;
  broadcast::Receiver* self = nullptr;
  broadcast::Receiver receiver(reactor, [&](const Received&) {
    if (++heard == 3) self->close();
  });
  self = &receiver;
  cr_assert(receiver.open(Address::loopback_v4(0)));
  UdpPeer sender(receiver.address());
  for (int i = 0; i < 20; ++i) sender.send("x");
  cr_assert(run_until(reactor, [&] { return heard == 3; }));
  turn(reactor, 3);
  cr_expect(heard == 3);
}
