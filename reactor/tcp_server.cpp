#include "reactor/tcp_server.h"

#include <utility>

namespace sluice {

TcpServer::TcpServer(const Address& address) {
  auto made = Socket::tcp(address.family());
  Result<void> step;
  if (!made) step = std::unexpected(made.error());
  if (step) step = made->setsockopt(option::reuse_address, true);
  if (step) step = made->bind(address);
  if (step) step = made->listen();
  if (step) {
    listener_ = *std::move(made);
  } else {
    error_ = step.error();
  }
}

bool TcpServer::accept() {
  disconnect();
  auto accepted = listener_.accept();
  if (accepted) {
    client_ = std::move(accepted->first);
    peer_ = std::move(accepted->second);
  } else {
    error_ = accepted.error();
  }
  return accepted.has_value();
}

bool TcpServer::send(std::string_view text) {
  if (text.empty()) return false;
  const auto sent = client_.sendall(text);
  if (!sent) error_ = sent.error();
  return sent.has_value();
}

std::string TcpServer::receive(std::size_t size) {
  auto got = client_.recv(size);
  if (got) return *std::move(got);
  error_ = got.error();
  return {};
}

void TcpServer::disconnect() {
  client_.close();
  peer_ = Address();
}

}  // namespace sluice
