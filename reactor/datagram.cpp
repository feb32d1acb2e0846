#include "reactor/datagram.h"

#include <linux/errqueue.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "reactor/datagram_slots.h"
#include "reactor/socket_options.h"

namespace sluice {
namespace {

constexpr int kErrorsPerTurn = 64;

/// What the kernel has no such option for stays off.
void set(int socket, int level, int name, int value) {
  setsockopt(socket, level, name, &value, sizeof value);
}

template <class T>
T content_of(const cmsghdr* message) {
  T value;
  std::memcpy(&value, CMSG_DATA(message), sizeof value);
  return value;
}

/// How many datagrams `socket` has dropped, modulo 2^32. Nothing on kernels before 4.12: those tell
/// it with the datagram that follows (SO_RXQ_OVFL).
std::optional<std::uint32_t> drop_counter(int socket) {
  std::uint32_t values[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof values;
  if (getsockopt(socket, SOL_SOCKET, SO_MEMINFO, values, &size) != 0) return std::nullopt;
  if (size <= SK_MEMINFO_DROPS * sizeof values[0]) return std::nullopt;
  return values[SK_MEMINFO_DROPS];
}

void set_destination(Received& received, const in_pktinfo& info, std::uint16_t port) {
  ::sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr = info.ipi_addr;
  received.to = Address::from_sockaddr(reinterpret_cast<const ::sockaddr*>(&to), sizeof to);
  received.interface_index = static_cast<std::uint32_t>(info.ipi_ifindex);
  // For what came to one host the kernel names the same address twice (ip(7), IP_PKTINFO).
  received.many = info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
}

void set_destination(Received& received, const in6_pktinfo& info, std::uint16_t port) {
  ::sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(port);
  to.sin6_addr = info.ipi6_addr;
  if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) to.sin6_scope_id = info.ipi6_ifindex;
  received.to = Address::from_sockaddr(reinterpret_cast<const ::sockaddr*>(&to), sizeof to);
  received.interface_index = info.ipi6_ifindex;
  received.many = received.many || received.to.is_multicast();
}

/// As recvmmsg(2) of one, without a header that the kernel must fetch and check.
int receive_one(int socket, mmsghdr& slot) {
  msghdr& header = slot.msg_hdr;
  const iovec& piece = *header.msg_iov;
  const ssize_t size = ::recvfrom(socket, piece.iov_base, piece.iov_len, MSG_DONTWAIT | MSG_TRUNC,
                                  static_cast<::sockaddr*>(header.msg_name), &header.msg_namelen);
  if (size < 0) return -1;
  const std::size_t whole = static_cast<std::size_t>(size);
  slot.msg_len = static_cast<unsigned>(std::min(whole, piece.iov_len));
  header.msg_flags = whole > piece.iov_len ? MSG_TRUNC : 0;
  return 1;
}

}  // namespace

Result<void> Datagram::open(const Address& address, const Options& options) {
  close();
  Fd socket(::socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!socket) return fail("socket");
  socket_ = std::move(socket);
  if (auto done = set_options(options, address); !done) {
    socket_.reset();
    return done;
  }
  if (::bind(socket_.get(), address.data(), address.size()) != 0) {
    const Error error = Error::last("bind");
    socket_.reset();
    return std::unexpected(error);
  }
  auto bound = Address::local_of(socket_.get());
  auto watch = reactor_->watch(socket_.get(), Interest::read, *this);
  if (!bound || !watch) {
    socket_.reset();
    return std::unexpected(!bound ? bound.error() : watch.error());
  }
  address_ = *bound;
  watch_ = std::move(*watch);
  return {};
}

Result<void> Datagram::set_options(const Options& options, const Address& address) {
  const int fd = socket_.get();
  const bool v6 = address.family() == AF_INET6;
  max_bytes_ = std::min(options.max_bytes, limits::kDatagramBytes);
  errors_ = options.errors;
  const bool drops_by_message = options.count_drops && !drop_counter(fd);
  ancillary_ = options.destination || drops_by_message || options.coalesce;
  if (options.share_address) {
    if (auto done = set_option(fd, option::reuse_address, true); !done) return done;
  }
  if (options.broadcast) {
    if (auto done = set_option(fd, option::broadcast, true); !done) return done;
  }
  if (options.destination) {
    set(fd, IPPROTO_IP, IP_PKTINFO, 1);  // also on an IPv6 socket, for what comes by IPv4
    if (v6) set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  }
  if (options.timestamps) fill_in_times();
  if (drops_by_message) set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
  if (options.coalesce) set(fd, IPPROTO_UDP, UDP_GRO, 1);
  if (options.errors) {
    set(fd, IPPROTO_IP, IP_RECVERR, 1);
    if (v6) set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
  }
  const auto set_buffer = [fd](std::size_t bytes, int forced, int name) {
    if (bytes == 0) return;
    const int size = static_cast<int>(std::min<std::size_t>(bytes, INT32_MAX / 2));
    if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size) != 0) {
      set(fd, SOL_SOCKET, name, size);
    }
  };
  set_buffer(options.receive_buffer, SO_RCVBUFFORCE, SO_RCVBUF);
  set_buffer(options.send_buffer, SO_SNDBUFFORCE, SO_SNDBUF);
  return {};
}

Result<void> Datagram::connect(const Address& peer) {
  if (::connect(socket_.get(), peer.data(), peer.size()) != 0) return fail("connect");
  peer_ = peer;
  if (auto bound = Address::local_of(socket_.get())) address_ = *bound;
  return {};
}

void Datagram::close() {
  watch_.reset();
  later_ = Timer();
  socket_.reset();
  address_ = peer_ = Address();
  dropped_ = failed_sends_ = 0;
  last_drops_ = 0;
  batch_ = 1;
  no_segments_ = paused_ = wants_room_ = false;
}

std::size_t Datagram::receive_buffer() const {
  const auto size = get_option(socket_.get(), option::receive_buffer);
  return size ? static_cast<std::size_t>(*size) / 2 : 0;
}

void Datagram::on_readable() noexcept {
  DatagramSlots* slots = reactor_->datagram_slots();
  if (slots == nullptr) return;
  const std::span<mmsghdr> headers = slots->prepare(batch_, max_bytes_, ancillary_);
  const int count = batch_ == 1 && !ancillary_
                        ? receive_one(socket_.get(), headers[0])
                        : ::recvmmsg(socket_.get(), headers.data(), batch_, MSG_DONTWAIT, nullptr);
  if (count < 0) return read_failed();
  const std::size_t got = static_cast<std::size_t>(count);
  // A batch of one is one call in the kernel; asking for more costs one that finds nothing.
  if (got == batch_) {
    batch_ = std::min<std::uint16_t>(batch_ * 2, limits::kDatagramBatch);
  } else if (got <= batch_ / 4) {
    batch_ = std::max<std::uint16_t>(batch_ / 2, 1);
  }
  for (std::size_t i = 0; i < got; ++i) {
    Received& received = slots->received[i];
    const msghdr& header = headers[i].msg_hdr;
    received.bytes = {static_cast<const std::byte*>(header.msg_iov->iov_base), headers[i].msg_len};
    received.truncated = (header.msg_flags & MSG_TRUNC) != 0;
    received.many = false;
    received.segment = 0;
    received.time = 0;
    if (ancillary_) take_ancillary(header, received);
  }
  handler_->on_datagrams(*this, {slots->received.data(), got});
}

void Datagram::take_ancillary(const msghdr& header, Received& received) {
  for (cmsghdr* message = CMSG_FIRSTHDR(&header); message != nullptr;
       message = CMSG_NXTHDR(const_cast<msghdr*>(&header), message)) {
    switch (message->cmsg_level << 16 | message->cmsg_type) {
      case IPPROTO_IP << 16 | IP_PKTINFO:
        set_destination(received, content_of<in_pktinfo>(message), address_.port());
        break;
      case IPPROTO_IPV6 << 16 | IPV6_PKTINFO:
        set_destination(received, content_of<in6_pktinfo>(message), address_.port());
        break;
      case SOL_SOCKET << 16 | SCM_TIMESTAMPNS: {
        const auto time = content_of<timespec>(message);
        received.time = time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
        break;
      }
      case SOL_SOCKET << 16 | SO_RXQ_OVFL:
        count_drops(content_of<std::uint32_t>(message));
        break;
      case IPPROTO_UDP << 16 | UDP_GRO:
        received.segment = static_cast<std::uint32_t>(content_of<int>(message));
        break;
      default:
        break;
    }
  }
}

void Datagram::count_drops(std::uint32_t counter) {
  const std::uint32_t more = counter - last_drops_;  // modulo 2^32
  if (more > INT32_MAX) return;  // a datagram tells how many there were when it came
  dropped_ += more;
  last_drops_ = counter;
}

std::uint64_t Datagram::dropped() {
  // What was dropped after the last datagram that was read: no later one has told of it yet.
  if (const auto counter = drop_counter(socket_.get())) count_drops(*counter);
  return dropped_;
}

void Datagram::read_failed() {
  const Error error = Error::last("recvmmsg");
  if (error.code == EINTR) return;
  // An error that a send has told of already is still in the queue, and keeps the socket ready.
  if (errors_ && drain_errors()) return;
  if (error.code != EAGAIN) handler_->on_error(*this, peer_, error);
}

bool Datagram::drain_errors() {
  bool told = false;
  for (int i = 0; i < kErrorsPerTurn; ++i) {
    Address peer;
    alignas(cmsghdr) std::byte control[256];
    msghdr header{};
    header.msg_name = peer.to_fill();
    header.msg_namelen = Address::kIpBytes;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    if (::recvmsg(socket_.get(), &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return told;
    for (cmsghdr* message = CMSG_FIRSTHDR(&header); message != nullptr;
         message = CMSG_NXTHDR(&header, message)) {
      const bool v4 = message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_RECVERR;
      const bool v6 = message->cmsg_level == IPPROTO_IPV6 && message->cmsg_type == IPV6_RECVERR;
      if (!v4 && !v6) continue;
      told = true;
      const auto error = content_of<sock_extended_err>(message);
      handler_->on_error(*this, peer, {static_cast<int>(error.ee_errno), "send"});
      if (!socket_) return true;
    }
  }
  return told;
}

void Datagram::tell_later(Error error) {
  later_error_ = error;
  if (!later_) {
    later_ = reactor_->timer([this] { handler_->on_error(*this, peer_, later_error_); });
  }
  later_.start(Duration(0));
}

void Datagram::fill_in_times() {
  set(socket_.get(), SOL_SOCKET, SO_TIMESTAMPNS, 1);
  ancillary_ = true;
}

void Datagram::pause_reading() {
  paused_ = true;
  update_interest();
}

void Datagram::resume_reading() {
  paused_ = false;
  update_interest();
}

void Datagram::want_room() {
  wants_room_ = true;
  update_interest();
}

void Datagram::update_interest() {
  Interest interest = paused_ ? Interest::none : Interest::read;
  if (wants_room_) interest = interest | Interest::write;
  watch_.set_interest(interest);
}

void Datagram::on_writable() noexcept {
  wants_room_ = false;
  update_interest();
  handler_->on_writable(*this);
}

}  // namespace sluice
