#pragma once

#include <criterion/criterion.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/datagram.h"
#include "reactor/text.h"

/// Keeps a copy of all that a Datagram hands over, and does what the test wants done in each call.
class RecordingDatagrams final : public sluice::DatagramHandler {
 public:
  struct Copy {
    std::string bytes;
    sluice::Address from, to;
    std::uint32_t interface_index;
    std::int64_t time;
    std::uint32_t segment;
    bool truncated, to_many;
  };
  struct Trouble {
    sluice::Address peer;
    int code;
  };

  std::vector<Copy> all;
  std::vector<std::size_t> batches;
  std::vector<Trouble> errors;
  int writable = 0;

  std::function<void(sluice::Datagram&)> when_datagrams, when_writable, when_error;

  void on_datagrams(sluice::Datagram& socket,
                    std::span<const sluice::Received> batch) noexcept override {
    batches.push_back(batch.size());
    for (const sluice::Received& one : batch) {
      all.push_back({std::string(sluice::as_text(one.bytes)), one.from, one.to, one.interface_index,
                     one.time, one.segment, one.truncated, one.to_many()});
    }
    if (when_datagrams) when_datagrams(socket);
  }
  void on_writable(sluice::Datagram& socket) noexcept override {
    ++writable;
    if (when_writable) when_writable(socket);
  }
  void on_error(sluice::Datagram& socket, const sluice::Address& peer,
                sluice::Error error) noexcept override {
    errors.push_back({peer, error.code});
    if (when_error) when_error(socket);
  }

  /// All contents behind one another, a '|' after each.
  std::string text() const {
    std::string joined;
    for (const Copy& one : all) joined += one.bytes + '|';
    return joined;
  }
};

inline void expect_text(const RecordingDatagrams& heard, std::string_view expected) {
  const std::string text = heard.text();
  cr_expect(text == expected, "%s", text.c_str());
}

/// An address as it is written.
inline sluice::Address at(std::string_view text) {
  const auto address = sluice::Address::parse(text);
  cr_assert(address.has_value(), "%.*s", static_cast<int>(text.size()), text.data());
  return *address;
}

/// The same host, another port.
inline sluice::Address at(std::string_view host, std::uint16_t port) {
  return at(sluice::concat(host, ':', port));
}

/// A plain UDP socket at the other end, blocking.
class PlainUdp {
 public:
  explicit PlainUdp(const sluice::Address& bound = sluice::Address::loopback_v4(0))
      : fd_(::socket(bound.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    cr_assert(::bind(fd_.get(), bound.data(), bound.size()) == 0);
    address = *sluice::Address::local_of(fd_.get());
    constexpr timeval kPatience{10, 0};
    set(SOL_SOCKET, SO_RCVTIMEO, kPatience);
  }

  template <class Value>
  void set(int level, int name, const Value& value) {
    cr_assert(::setsockopt(fd_.get(), level, name, &value, sizeof value) == 0, "option %d", name);
  }
  void send(std::string_view bytes, const sluice::Address& to) const {
    const auto sent = ::sendto(fd_.get(), bytes.data(), bytes.size(), 0, to.data(), to.size());
    cr_assert(sent == static_cast<ssize_t>(bytes.size()), "to %s", to.to_string().c_str());
  }
  /// The next one; waits for it.
  std::string receive(sluice::Address* from = nullptr) const {
    std::string bytes(65536, '\0');
    sluice::Address peer;
    socklen_t size = sluice::Address::kIpBytes;
    const auto got = ::recvfrom(fd_.get(), bytes.data(), bytes.size(), 0, peer.to_fill(), &size);
    cr_assert(got >= 0, "nothing came");
    bytes.resize(static_cast<std::size_t>(got));
    if (from) *from = peer;
    return bytes;
  }
  /// Whether nothing waits to be read.
  bool is_empty() const {
    char byte;
    return ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
  }
  int fd() const { return fd_.get(); }

  sluice::Address address;

 private:
  sluice::Fd fd_;
};

inline unsigned loopback_index() {
  return ::if_nametoindex("lo");
}
