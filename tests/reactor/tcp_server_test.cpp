#include "reactor/tcp_server.h"

#include <criterion/criterion.h>

#include <string>
#include <utility>

using sluice::Address;
using sluice::Socket;
using sluice::TcpServer;

namespace {

Socket connected_to(const TcpServer& server) {
  auto client = Socket::tcp();
  cr_assert(client && client->connect(server.address()));
  return *std::move(client);
}

}  // namespace

Test(tcp_server, talks_with_one_client_after_the_other) {
  TcpServer server(Address::loopback_v4(0));
  cr_assert(server, "%s", server.error().message().c_str());
  for (const std::string name : {"first", "second"}) {
    Socket client = connected_to(server);
    cr_assert(server.accept());
    cr_expect(server.client() == *client.getsockname());
    cr_assert(client.sendall("hello from " + name));
    cr_expect(server.receive() == "hello from " + name);
    cr_expect(server.send("hello " + name));
    cr_expect(*client.recv(100) == "hello " + name);
    server.disconnect();
    cr_expect(server.client() == Address());
    cr_expect(client.recv(1)->empty(), "the client sees the end");
  }
}

Test(tcp_server, takes_a_port_of_every_address) {
  TcpServer server(0);
  cr_assert(server);
  cr_expect(server.address().is_any());
  cr_expect_neq(server.address().port(), 0);
}

Test(tcp_server, keeps_the_error_that_its_constructor_cannot_return) {
  const TcpServer first(Address::loopback_v4(0));
  TcpServer second(first.address());
  cr_expect(!second);
  cr_expect_eq(second.error().code, EADDRINUSE);
  cr_expect_str_eq(second.error().operation, "bind");
  cr_expect(second.address() == Address());
  cr_expect(!second.accept());
  cr_expect_eq(second.error().code, EBADF);
}

Test(tcp_server, says_false_when_nobody_is_there) {
  TcpServer server(Address::loopback_v4(0));
  cr_expect(!server.send("hello"));
  cr_expect_eq(server.error().code, EBADF);
  cr_expect(server.receive().empty());
}

Test(tcp_server, receives_nothing_once_the_client_has_ended) {
  TcpServer server(Address::loopback_v4(0));
  {
    Socket client = connected_to(server);
    cr_assert(server.accept() && client.sendall("last"));
  }
  cr_expect(server.receive() == "last");
  cr_expect(server.receive().empty());
  cr_expect_eq(server.error().code, 0, "an end is no error");
}

Test(tcp_server, survives_sending_to_a_client_that_reset) {
  TcpServer server(Address::loopback_v4(0));
  Socket client = connected_to(server);
  cr_assert(server.accept());
  cr_assert(client.setsockopt(sluice::option::linger, std::chrono::seconds(0)));
  client.close();
  cr_expect(server.receive().empty());
  cr_expect_eq(server.error().code, ECONNRESET);
  cr_expect(!server.send("anyone?"));
  cr_expect_eq(server.error().code, EPIPE);
}

Test(tcp_server, takes_the_next_client_in_place_of_the_one_before) {
  TcpServer server(Address::loopback_v4(0));
  Socket first = connected_to(server);
  cr_assert(server.accept());
  Socket second = connected_to(server);
  cr_assert(server.accept());
  cr_expect(first.recv(1)->empty());
  cr_expect(server.send("to the second"));
  cr_expect(*second.recv(100) == "to the second");
}
