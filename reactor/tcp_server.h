#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "reactor/address.h"
#include "reactor/error.h"
#include "reactor/socket.h"

namespace sluice {

/// A TCP server in five methods, for one client after the other: the shape of a first networking
/// course. It blocks; for many clients at once, see Listener and Stream.
///
///     TcpServer server(5000);
///     if (!server) return complain(server.error().message());
///     while (server.accept()) {
///       while (server.send(server.receive())) continue;  // until the client has gone
///       server.disconnect();
///     }
///
/// It is made with a constructor, as there, and not with a factory: a constructor cannot give back
/// an Error, so the server keeps it and tests as false. So does every method: error() tells the
/// last failure, and none of them ends the server.
class TcpServer {
 public:
  /// Listens on every IPv4 address of the machine; port 0 lets the kernel choose.
  explicit TcpServer(std::uint16_t port) : TcpServer(Address::any_v4(port)) {}
  explicit TcpServer(const Address& address);

  /// Whether it listens.
  explicit operator bool() const { return listener_.fileno() >= 0; }
  const Error& error() const { return error_; }
  /// Where it listens, with the port that the kernel chose; empty when it does not.
  Address address() const { return listener_.getsockname().value_or(Address()); }

  /// Waits for the next client and takes it in place of the one before.
  bool accept();
  /// Sends all of it. False when there is nothing to send, no client, or the client has gone.
  bool send(std::string_view text);
  /// What has come, at most `size` bytes; waits for the first. Empty when the client has ended, or
  /// an error did.
  std::string receive(std::size_t size = 4096);
  void disconnect();

  /// Who is connected; empty when nobody is.
  const Address& client() const { return peer_; }

 private:
  Socket listener_;
  Socket client_;
  Address peer_;
  Error error_;
};

}  // namespace sluice
