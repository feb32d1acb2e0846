#pragma once

#include <criterion/criterion.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/tftp/source.h"
#include "reactor/address.h"
#include "reactor/fd.h"
#include "reactor/text.h"
#include "tests/support/loop.h"

/// The packets of TFTP by hand, well-formed or not.
namespace wire {

inline std::string u16(unsigned number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number)};
}
inline std::string fields(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += text + '\0';
  return out;
}
inline std::string rrq(const std::string& file, const std::vector<std::string>& options = {},
                       const std::string& mode = "octet") {
  return u16(1) + fields({file, mode}) + fields(options);
}
inline std::string wrq(const std::string& file, const std::vector<std::string>& options = {},
                       const std::string& mode = "octet") {
  return u16(2) + fields({file, mode}) + fields(options);
}
inline std::string data(unsigned block, std::string_view contents) {
  return u16(3) + u16(block) + std::string(contents);
}
inline std::string ack(unsigned block) {
  return u16(4) + u16(block);
}
inline std::string error(unsigned code, const std::string& text) {
  return u16(5) + u16(code) + text + '\0';
}
inline std::string oack(const std::vector<std::string>& options) {
  return u16(6) + fields(options);
}

}  // namespace wire

/// The other end, on a socket of its own.
class Peer {
 public:
  explicit Peer(const char* host = "127.0.0.1", std::uint16_t port = 0)
      : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    auto address = *sluice::Address::parse(std::string(host) + ":0");
    address.set_port(port);
    cr_assert(::bind(socket_.get(), address.data(), address.size()) == 0);
    const int room = 4 * 1024 * 1024;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    self_ = *sluice::Address::local_of(socket_.get());
  }

  const sluice::Address& self() const { return self_; }
  void vanish() { socket_.reset(); }

  void send(const sluice::Address& to, std::string_view packet) {
    cr_assert(::sendto(socket_.get(), packet.data(), packet.size(), 0, to.data(), to.size()) ==
              static_cast<ssize_t>(packet.size()));
  }
  /// To whoever sent the packet that was received last.
  void answer(std::string_view packet) { send(from, packet); }

  /// What is there now; nothing when there is nothing.
  std::optional<std::string> poll() {
    static char buffer[70'000];
    sockaddr_storage storage;
    socklen_t size = sizeof storage;
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    const ssize_t got = ::recvfrom(socket_.get(), buffer, sizeof buffer, 0, address, &size);
    if (got < 0) return std::nullopt;
    from = sluice::Address::from_sockaddr(address, size);
    return std::string(buffer, static_cast<std::size_t>(got));
  }
  /// The next packet, which the loop is turned for.
  std::string get(sluice::Reactor& reactor) {
    std::optional<std::string> packet = poll();
    if (!packet) cr_assert(run_until(reactor, [&] { return (packet = poll()).has_value(); }));
    return *packet;
  }
  /// Whether all that the loop has to do brings no packet.
  bool hears_nothing(sluice::Reactor& reactor) {
    turn(reactor, 20);
    return !poll();
  }

  sluice::Address from;

 private:
  sluice::Fd socket_;
  sluice::Address self_;
};

/// Whether `packet` is an ERROR with that code and a text that contains `text`.
inline bool is_error(const std::string& packet, unsigned code, std::string_view text = {}) {
  const bool is = packet.starts_with(wire::u16(5) + wire::u16(code)) && packet.ends_with('\0') &&
                  packet.find(text, 4) != packet.npos;
  if (!is)
    cr_log_error("not error %u but %s", code,
                 packet.c_str() + std::min<std::size_t>(4, packet.size()));
  return is;
}

class StringSource final : public sluice::tftp::Source {
 public:
  explicit StringSource(std::string text) : text_(std::move(text)) {}
  sluice::Result<std::size_t> read(std::span<std::byte> out) override {
    if (fails_at <= at_) return sluice::fail("read", EIO);
    const std::size_t size = text_.copy(reinterpret_cast<char*>(out.data()), out.size(), at_);
    at_ += size;
    return size;
  }
  std::size_t fails_at = SIZE_MAX;

 private:
  std::string text_;
  std::size_t at_ = 0;
};

class StringSink final : public sluice::tftp::Sink {
 public:
  sluice::Result<void> write(std::span<const std::byte> bytes) override {
    if (fails_with != 0) return sluice::fail("write", fails_with);
    text += sluice::as_text(bytes);
    return {};
  }
  sluice::Result<void> finish() override {
    ++finished;
    if (finish_fails_with != 0) return sluice::fail("rename", finish_fails_with);
    return {};
  }
  std::string text;
  int finished = 0;
  int fails_with = 0, finish_fails_with = 0;
};

/// Contents that differ everywhere.
inline std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 131 >> 3 ^ i);
  return text;
}
