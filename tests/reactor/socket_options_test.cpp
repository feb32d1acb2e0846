#include "reactor/socket_options.h"

#include <criterion/criterion.h>
#include <net/if.h>

#include <chrono>
#include <span>

#include "tests/support/blocking_sockets.h"

using namespace std::chrono_literals;
using sluice::Address;
using sluice::Socket;
namespace option = sluice::option;

Test(socket_options, sets_and_tells_every_option) {
  Socket tcp = must(Socket::tcp());
  for (const auto& flag : {option::reuse_address, option::reuse_port, option::keep_alive,
                           option::dont_route, option::broadcast, option::no_delay}) {
    for (const bool on : {true, false}) {
      must(tcp.setsockopt(flag, on));
      cr_expect_eq(must(tcp.getsockopt(flag)), on, "%s", flag.operation);
    }
  }
  for (const auto& buffer : {option::receive_buffer, option::send_buffer}) {
    must(tcp.setsockopt(buffer, 20000));
    cr_expect_eq(must(tcp.getsockopt(buffer)), 40000, "the kernel doubles it");
  }
  for (const auto& time : {option::receive_timeout, option::send_timeout}) {
    must(tcp.setsockopt(time, 2500ms));
    cr_expect(must(tcp.getsockopt(time)) == 2500ms);
    must(tcp.setsockopt(time, 1ns));
    cr_expect(must(tcp.getsockopt(time)) > 0ns, "upwards, as zero is for ever");
    must(tcp.setsockopt(time, 0ns));
    cr_expect(must(tcp.getsockopt(time)) == 0ns);
    cr_expect_eq(code_of(tcp.setsockopt(time, -1s)), EINVAL);
  }
  Socket udp = must(Socket::udp());
  must(udp.setsockopt(option::multicast_ttl, 7));
  cr_expect_eq(must(udp.getsockopt(option::multicast_ttl)), 7);
  cr_expect_str_eq(udp.setsockopt(option::multicast_ttl, 256).error().operation,
                   "IP_MULTICAST_TTL");
}

Test(socket_options, dont_linger_is_linger_off) {
  Socket socket = must(Socket::tcp());
  cr_expect(must(socket.getsockopt(option::dont_linger)));
  cr_expect(!must(socket.getsockopt(option::linger)));
  must(socket.setsockopt(option::linger, 3s));
  cr_expect(must(socket.getsockopt(option::linger)) == 3s);
  cr_expect(!must(socket.getsockopt(option::dont_linger)));
  must(socket.setsockopt(option::dont_linger, false));
  cr_expect(must(socket.getsockopt(option::linger)) == 3s);
  must(socket.setsockopt(option::dont_linger, true));
  cr_expect(!must(socket.getsockopt(option::linger)));
  must(socket.setsockopt(option::dont_linger, false));
  cr_expect(must(socket.getsockopt(option::linger)) == 0s);
}

Test(socket_options, the_kernels_own_timeout_says_again) {
  SocketPair pair;
  must(pair.client.setsockopt(option::receive_timeout, 10ms));
  cr_expect_eq(code_of(pair.client.recv(1)), EAGAIN);
}

Test(socket_options, takes_options_by_number) {
  Socket socket = must(Socket::tcp());
  must(socket.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 77));
  cr_expect_eq(must(socket.getsockopt(IPPROTO_TCP, TCP_KEEPIDLE)), 77);
  const ::linger value{1, 5};
  must(socket.setsockopt(SOL_SOCKET, SO_LINGER, std::as_bytes(std::span(&value, 1))));
  cr_expect(must(socket.getsockopt(option::linger)) == 5s);
  cr_expect_eq(code_of(socket.setsockopt(SOL_SOCKET, -1, 0)), ENOPROTOOPT);
}

Test(socket_options, hears_a_multicast_group_from_joining_to_leaving) {
  const Address group = must(Address::parse("239.255.77.77:0"));
  Socket receiver = must(Socket::udp());
  must(receiver.bind(Address::any_v4(0)));
  const Address here = must(receiver.getsockname());
  Socket sender = must(Socket::udp());
  const ::in_addr loopback{htonl(INADDR_LOOPBACK)};
  must(sender.setsockopt(IPPROTO_IP, IP_MULTICAST_IF, std::as_bytes(std::span(&loopback, 1))));
  Address to = group;
  to.set_port(here.port());

  for (const sluice::Membership& membership :
       {sluice::Membership{group, ::if_nametoindex("lo")},
        sluice::Membership{group, 0, Address::loopback_v4(0)}}) {
    must(receiver.setsockopt(option::add_membership, membership));
    cr_expect_eq(code_of(receiver.setsockopt(option::add_membership, membership)), EADDRINUSE);
    must(sender.sendto("to all", to));
    cr_expect(must(receiver.recvfrom(100)).first == "to all");
    must(receiver.setsockopt(option::drop_membership, membership));
    cr_expect_eq(code_of(receiver.setsockopt(option::drop_membership, membership)), EADDRNOTAVAIL);
  }
  cr_expect_eq(code_of(receiver.setsockopt(option::add_membership, {.group = Address()})),
               EAFNOSUPPORT);
}

Test(socket_options, joins_a_group_of_ipv6) {
  auto receiver = Socket::udp(AF_INET6);
  if (!receiver) cr_skip_test("no IPv6 here");
  const sluice::Membership membership{must(Address::parse("[ff12::77]:0")), ::if_nametoindex("lo")};
  const auto joined = receiver->setsockopt(option::add_membership, membership);
  if (code_of(joined) == ENODEV) cr_skip_test("lo has no IPv6");
  must(joined);
  must(receiver->setsockopt(option::drop_membership, membership));
}
