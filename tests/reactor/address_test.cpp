#include "reactor/address.h"

#include <criterion/criterion.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

#include "reactor/fd.h"

using sluice::Address;

namespace {

Address parsed(std::string_view text) {
  const auto address = Address::parse(text);
  cr_assert(address.has_value(), "%s: %s", std::string(text).c_str(),
            address.error().message().c_str());
  return *address;
}

struct Case {
  std::string_view text;
  int family;
  unsigned port;
  std::string_view printed;
  std::string_view host;
};

}  // namespace

Test(address, parses_and_prints_every_form) {
  const Case cases[] = {
      {"127.0.0.1:80", AF_INET, 80, "127.0.0.1:80", "127.0.0.1"},
      {"255.255.255.255:65535", AF_INET, 65535, "255.255.255.255:65535", "255.255.255.255"},
      {":5008", AF_INET, 5008, "0.0.0.0:5008", "0.0.0.0"},
      {"0.0.0.0:0", AF_INET, 0, "0.0.0.0:0", "0.0.0.0"},
      {"10.1.2.3:00080", AF_INET, 80, "10.1.2.3:80", "10.1.2.3"},
      {"[::1]:80", AF_INET6, 80, "[::1]:80", "::1"},
      {"[::]:0", AF_INET6, 0, "[::]:0", "::"},
      {"[2001:DB8:0::1]:443", AF_INET6, 443, "[2001:db8::1]:443", "2001:db8::1"},
      {"[fe80::1%lo]:80", AF_INET6, 80, "[fe80::1%lo]:80", "fe80::1%lo"},
      {"[fe80::1%999999]:80", AF_INET6, 80, "[fe80::1%999999]:80", "fe80::1%999999"},
      {"[::ffff:10.0.0.1]:9", AF_INET6, 9, "10.0.0.1:9", "10.0.0.1"},
      {"unix:/tmp/a b", AF_UNIX, 0, "unix:/tmp/a b", "/tmp/a b"},
      {"unix:relative:80", AF_UNIX, 0, "unix:relative:80", "relative:80"},
      {"unix:@hidden", AF_UNIX, 0, "unix:@hidden", "@hidden"},
  };
  for (const Case& each : cases) {
    const Address address = parsed(each.text);
    cr_expect_eq(address.family(), each.family);
    cr_expect_eq(address.port(), each.port);
    cr_expect(address.to_string() == each.printed, "%s", address.to_string().c_str());
    cr_expect(address.host() == each.host, "%s", address.host().c_str());
    cr_expect(parsed(each.printed).to_string() == each.printed);
  }
}

Test(address, round_trips_unless_it_is_mapped) {
  for (const auto text : {"1.2.3.4:5", "[::2]:5", "[fe80::1%lo]:5", "unix:/x", "unix:@x"})
    cr_expect(parsed(parsed(text).to_string()) == parsed(text), "%s", text);
  cr_expect(parsed("[::ffff:1.2.3.4]:5") != parsed("1.2.3.4:5"));
}

Test(address, says_what_is_wrong_with_a_text) {
  const std::string_view port = "the port is not a number from 0 to 65535";
  const std::string_view no_port = "no port: expected HOST:PORT";
  const std::string_view numeric = "not a numeric address";
  const std::string_view brackets = "an IPv6 address needs brackets, as in [::1]:80";
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", no_port},
      {"80", no_port},
      {"127.0.0.1", no_port},
      {"[::1]", no_port},
      {"[::1]80", no_port},
      {"[::1]x:80", no_port},
      {":", port},
      {"127.0.0.1:", port},
      {"127.0.0.1:65536", port},
      {"127.0.0.1:99999999999999999999", port},
      {"127.0.0.1:-1", port},
      {"127.0.0.1:+1", port},
      {"127.0.0.1: 80", port},
      {"127.0.0.1:80 ", port},
      {"127.0.0.1:80x", port},
      {"127.0.0.1:0x50", port},
      {std::string_view("127.0.0.1:80\0", 13), port},
      {"[::1]:80/", port},
      {"127.0.0.1:http", port},
      {"localhost:80", numeric},
      {"127.1:80", numeric},
      {"127.0.0.256:80", numeric},
      {"127.0.0.1 :80", numeric},
      {" 127.0.0.1:80", numeric},
      {std::string_view("127.0.0.1\0x:80", 14), numeric},
      {"[]:80", numeric},
      {"[127.0.0.1]:80", numeric},
      {"[::g]:80", numeric},
      {"[[::1]]:80", no_port},
      {"::1:80", brackets},
      {"1.2.3.4:5:6", brackets},
      {"[::1:80", "no ] after the IPv6 address"},
      {"unix:", "no path after unix:"},
      {"unix:@", "no path after unix:"},
      {std::string_view("unix:/a\0b", 9), "the path holds a NUL"},
  };
  for (const auto& [text, expected] : cases) {
    const auto address = Address::parse(text);
    cr_assert(!address, "%s", std::string(text).c_str());
    cr_expect(address.error().operation == expected, "'%s' gives '%s'", std::string(text).c_str(),
              address.error().operation);
    cr_expect_eq(address.error().code, EINVAL);
  }
  for (const auto text : {"[fe80::1%nosuch0]:80", "[fe80::1%]:80", "[fe80::1%0]:80"})
    cr_expect_eq(Address::parse(text).error().code, ENODEV);
}

Test(address, takes_a_unix_path_of_107_bytes_and_no_more) {
  const std::string longest = "unix:/" + std::string(106, 'p');
  cr_expect(parsed(longest).to_string() == longest);
  cr_expect_eq(Address::parse(longest + "p").error().code, ENAMETOOLONG);
}

Test(address, reads_what_the_kernel_fills_in) {
  ::sockaddr_un un{};
  un.sun_family = AF_UNIX;
  const auto* data = reinterpret_cast<const ::sockaddr*>(&un);
  cr_expect(Address::from_sockaddr(data, sizeof un.sun_family).to_string() == "unix:");
  // A path may fill sun_path to the last byte with no NUL after it: unix(7).
  std::fill(std::begin(un.sun_path), std::end(un.sun_path), 'q');
  const Address full = Address::from_sockaddr(data, sizeof un + 1);
  cr_expect(full.host() == std::string(108, 'q'));
  cr_expect_eq(full.size(), sizeof un);

  cr_expect_eq(Address::from_sockaddr(data, 1).family(), AF_UNSPEC);
  cr_expect_eq(Address::from_sockaddr(nullptr, 0).family(), AF_UNSPEC);
  const Address v4 = Address::loopback_v4(80);
  cr_expect_eq(Address::from_sockaddr(v4.data(), v4.size() - 1).family(), AF_UNSPEC);
  cr_expect(Address::from_sockaddr(v4.data(), v4.size()) == v4);
}

Test(address, is_a_value) {
  const Address path = parsed("unix:/tmp/x");
  Address copy = path;
  cr_expect(copy == path);
  cr_expect_neq(copy.data(), path.data(), "a copy has a path of its own");
  Address moved = std::move(copy);
  cr_expect(moved == path);
  // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move): empty, it is promised
  cr_expect(copy == Address() && copy.size() == 0 && copy.to_string().empty());
  moved = Address::any_v4(7);
  cr_expect(moved.to_string() == "0.0.0.0:7");
  moved = path;
  const Address& alias = moved;
  moved = alias;
  cr_expect(moved == path);
}

Test(address, orders_by_family_host_and_port) {
  const std::string_view in_order[] = {"unix:/a",       "unix:/b",       "1.2.3.4:9", "1.2.3.5:1",
                                       "200.0.0.1:1",   "200.0.0.1:256", "[::1]:9",   "[::2]:1",
                                       "[fe80::1%1]:1", "[fe80::1%2]:1"};
  for (const auto& a : in_order)
    for (const auto& b : in_order)
      cr_expect((parsed(a) <=> parsed(b)) == (&a <=> &b), "%s %s", a.data(), b.data());
}

Test(address, changes_its_port) {
  for (const auto text : {"1.2.3.4:1", "[::1]:1"}) {
    Address address = parsed(text);
    address.set_port(51000);
    cr_expect_eq(address.port(), 51000);
  }
  Address path = parsed("unix:/x");
  path.set_port(1);
  cr_expect(path == parsed("unix:/x"));
}

Test(address, knows_loopback_multicast_and_any_also_when_mapped) {
  for (const auto text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"})
    cr_expect(parsed(text).is_loopback(), "%s", text);
  for (const auto text : {"128.0.0.1:1", "[::2]:1", "[::ffff:1.0.0.1]:1", "unix:/x"})
    cr_expect(!parsed(text).is_loopback(), "%s", text);
  for (const auto text : {"224.0.0.1:1", "239.255.255.255:1", "[ff02::1]:1"})
    cr_expect(parsed(text).is_multicast(), "%s", text);
  for (const auto text : {"223.0.0.1:1", "240.0.0.1:1", "[fe80::1]:1", "unix:/x"})
    cr_expect(!parsed(text).is_multicast(), "%s", text);
  for (const auto text : {":1", "[::]:1", "[::ffff:0.0.0.0]:1"})
    cr_expect(parsed(text).is_any(), "%s", text);
  for (const auto text : {"0.0.0.1:1", "[::1]:1", "unix:/x"})
    cr_expect(!parsed(text).is_any(), "%s", text);
  cr_expect(!Address().is_loopback() && !Address().is_multicast() && !Address().is_any());
}

Test(address, tells_both_ends_of_a_connection) {
  const sluice::Fd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  cr_assert(server);
  const Address any_port = Address::loopback_v4(0);
  cr_assert_eq(::bind(server.get(), any_port.data(), any_port.size()), 0);
  cr_assert_eq(::listen(server.get(), 1), 0);
  const auto bound = Address::local_of(server.get());
  cr_assert(bound && bound->port() != 0);
  cr_expect_eq(Address::peer_of(server.get()).error().code, ENOTCONN);

  const sluice::Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  cr_assert_eq(::connect(client.get(), bound->data(), bound->size()), 0);
  cr_expect(*Address::peer_of(client.get()) == *bound);
  cr_expect_eq(Address::local_of(-1).error().code, EBADF);
}

Test(address, resolves_localhost_and_numbers) {
  const auto found = sluice::resolve("localhost:8080");
  cr_assert(found.has_value(), "%s", found.error().message().c_str());
  cr_expect(std::ranges::any_of(*found, &Address::is_loopback));
  cr_expect(std::ranges::all_of(*found, [](const Address& a) { return a.port() == 8080; }));
  for (const auto text : {"127.0.0.1:1", "[::1]:1", ":1", "unix:/x"}) {
    const auto numeric = sluice::resolve(text);
    cr_assert(numeric && numeric->size() == 1, "%s", text);
    cr_expect(numeric->front() == parsed(text));
  }
}

Test(address, resolving_fails_with_a_reason) {
  for (const auto text : {"localhost", "localhost:x", "[localhost]:1", "unix:", "::1:80"})
    cr_expect_eq(sluice::resolve(text).error().code, EINVAL, "%s", text);
  // Two dots in a row are no name, so that no name server is asked.
  const auto missing = sluice::resolve("no..such..host:80");
  cr_assert(!missing);
  cr_expect(std::string_view(missing.error().operation).starts_with("name lookup"));
  cr_expect_neq(missing.error().code, 0);
}

Test(address, explains_a_port_that_clients_may_hold) {
  std::FILE* file = std::fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");
  cr_assert_not_null(file);
  unsigned first = 0, last = 0;
  cr_assert_eq(std::fscanf(file, "%u %u", &first, &last), 2);
  std::fclose(file);
  for (const unsigned port : {first, last}) {
    const auto hint = sluice::bind_hint(Address::any_v4(static_cast<std::uint16_t>(port)));
    cr_expect(hint.find(std::to_string(port)) != hint.npos);
    cr_expect(hint.find("net.ipv4.ip_local_reserved_ports") != hint.npos);
  }
  if (first > 1)
    cr_expect(sluice::bind_hint(Address::any_v4(static_cast<std::uint16_t>(first - 1))).empty());
  cr_expect(sluice::bind_hint(parsed("unix:/x")).empty());
}
