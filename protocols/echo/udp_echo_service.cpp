#include "protocols/echo/udp_echo_service.h"

#include "reactor/log.h"
#include "reactor/text.h"

namespace sluice::echo {
namespace {

constexpr std::uint16_t kFirstClientPort = 1024;

/// The kernel lets nobody near such an address who has not asked for it by SO_BROADCAST.
bool is_broadcast(const Address& address) {
  const Fd probe(::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  Address peer = address;
  peer.set_port(kFirstClientPort);
  return probe && ::connect(probe.get(), peer.data(), peer.size()) != 0 && errno == EACCES;
}

}  // namespace

UdpEchoService::UdpEchoService(Reactor& reactor, const Options& options)
    : reactor_(&reactor), options_(options), socket_(reactor, *this) {
  if (options.rate > 0) rate_.emplace(static_cast<double>(options.rate));
}

Started UdpEchoService::start() {
  const std::string wanted = options_.address.to_string();
  any_ = options_.address.is_any();
  if (options_.address.is_multicast() || (!any_ && is_broadcast(options_.address))) {
    return std::unexpected(
        concat(wanted, " is the address of many: what comes there is not answered"));
  }
  // An address of one host takes only what is for that host.
  if (auto opened = socket_.open(options_.address, {.destination = any_}); !opened) {
    std::string why = opened.error().message(wanted);
    if (opened.error().code == EADDRINUSE) {
      if (const std::string hint = bind_hint(options_.address); !hint.empty()) why += "; " + hint;
    }
    return std::unexpected(why);
  }
  address_ = socket_.address();
  started_ = true;
  return {};
}

bool UdpEchoService::may_answer(const Received& received) {
  const std::uint16_t port = received.from.port();
  if (received.many || received.truncated || port < kFirstClientPort || port == address_.port()) {
    return false;
  }
  if (!rate_ || (!options_.bound_loopback && received.from.is_loopback())) return true;
  return rate_->take(received.from, reactor_->now());
}

void UdpEchoService::on_datagrams(Datagram& socket, std::span<const Received> batch) noexcept {
  std::size_t count = 0;
  for (const Received& received : batch) {
    counters_.bytes_in += received.bytes.size();
    if (!may_answer(received)) continue;
    answers_[count++] = {received.bytes, &received.from, any_ ? &received.to : nullptr};
  }
  const std::uint64_t failed = socket.failed_sends();
  const std::size_t sent = socket.send(std::span(answers_).first(count));
  for (const Outgoing& answer : std::span(answers_).first(sent)) {
    counters_.bytes_out += answer.bytes.size();
  }
  counters_.connections += batch.size();
  counters_.failures += batch.size() - sent + (socket.failed_sends() - failed);
}

void UdpEchoService::close() {
  if (!socket_.is_open()) return;
  log(LogLevel::info, name(), address_, " closed: ", counters_.connections, " datagrams, ",
      counters_.failures, " not answered");
  socket_.close();
  if (on_finished_) reactor_->post(std::exchange(on_finished_, {}));
}

}  // namespace sluice::echo
