#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cstring>

#include "reactor/datagram.h"

namespace sluice {
namespace {

constexpr std::size_t kBatch = limits::kDatagramBatch;
constexpr std::size_t kSegments = 64;    // UDP_MAX_SEGMENTS of kernels before 6.11
constexpr std::size_t kMaxCall = 65507;  // bytes, however many segments they are

/// The control messages of one call: where it is to come from, and how it is to be cut.
class Control {
 public:
  void attach(msghdr& header) {
    if (size_ == 0) return;
    header.msg_control = bytes_;
    header.msg_controllen = size_;
  }
  template <class T>
  void add(int level, int type, const T& value) {
    std::memset(bytes_ + size_, 0, CMSG_SPACE(sizeof value));
    cmsghdr message{};
    message.cmsg_level = level;
    message.cmsg_type = type;
    message.cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(bytes_ + size_, &message, sizeof message);
    std::memcpy(bytes_ + size_ + CMSG_LEN(0), &value, sizeof value);
    size_ += CMSG_SPACE(sizeof value);
  }
  void add_source(const Address& from) {
    if (from.family() == AF_INET) {
      ::sockaddr_in in;
      std::memcpy(&in, from.data(), sizeof in);
      in_pktinfo info{};
      info.ipi_spec_dst = in.sin_addr;
      add(IPPROTO_IP, IP_PKTINFO, info);
    } else if (from.family() == AF_INET6) {
      ::sockaddr_in6 in;
      std::memcpy(&in, from.data(), sizeof in);
      add(IPPROTO_IPV6, IPV6_PKTINFO, in6_pktinfo{in.sin6_addr, in.sin6_scope_id});
    }
  }
  void add_segment(std::size_t size) {
    add(IPPROTO_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(size));
  }

 private:
  alignas(cmsghdr)
      std::byte bytes_[CMSG_SPACE(sizeof(in6_pktinfo)) +
                       CMSG_SPACE(sizeof(std::uint16_t))];  // not cleared, 64 times a batch
  std::size_t size_ = 0;
};

void set_peer(msghdr& header, const Address* to) {
  if (to == nullptr) return;
  header.msg_name = const_cast<::sockaddr*>(to->data());  // sendmsg(2) does not write there
  header.msg_namelen = to->size();
}

bool same(const Address* a, const Address* b) {
  if (a == b) return true;
  return a && b && a->size() == b->size() && std::memcmp(a->data(), b->data(), a->size()) == 0;
}

/// How many of the first datagrams of `batch` one call can send as segments.
std::size_t run_length(std::span<const Outgoing> batch) {
  const Outgoing& first = batch.front();
  const std::size_t size = first.bytes.size();
  if (size == 0) return 1;
  const std::size_t most = std::min({batch.size(), kSegments, kMaxCall / size});
  std::size_t count = 1;
  while (count < most && batch[count].bytes.size() <= size && !batch[count].bytes.empty() &&
         same(batch[count].to, first.to) && same(batch[count].from, first.from)) {
    ++count;
    if (batch[count - 1].bytes.size() < size) break;  // a shorter one can only be the last
  }
  return count;
}

/// The way there, or its packets' size, does not let a call be cut: udp(7), UDP_SEGMENT.
bool refuses_segments(int code) {
  return code == EINVAL || code == EIO || code == EMSGSIZE || code == ENOPROTOOPT;
}

/// By sendto(2) where that is enough: it has no header that the kernel must fetch and check.
ssize_t call_for(int socket, const msghdr& header) {
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (header.msg_iovlen != 1 || header.msg_controllen != 0) {
    return ::sendmsg(socket, &header, kFlags);
  }
  return ::sendto(socket, header.msg_iov->iov_base, header.msg_iov->iov_len, kFlags,
                  static_cast<const ::sockaddr*>(header.msg_name), header.msg_namelen);
}

/// What an earlier datagram has met (net/ipv4/icmp.c, icmp_err_convert; icmpv6_err_convert): the
/// next call fails with it, whatever that call is.
bool may_be_earlier(int code) {
  constexpr int kCodes[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENONET,
                            EPROTO,       ENOPROTOOPT,  EMSGSIZE,    EACCES,    EOPNOTSUPP};
  return std::ranges::find(kCodes, code) != std::end(kCodes);
}

}  // namespace

/// `earlier` is what the call before has failed with, in vain.
Result<void> Datagram::send_message(const msghdr& header, Error earlier) {
  if (earlier && !may_be_earlier(earlier.code)) earlier = {};
  Result<void> done;
  for (;;) {
    done = {};
    if (call_for(socket_.get(), header) >= 0) break;
    done = fail("sendmsg");
    const int code = done.error().code;
    if (code == EINTR) continue;
    if (code == EAGAIN) want_room();
    if (earlier || !may_be_earlier(code)) break;
    earlier = done.error();
  }
  const bool was_earlier = done || done.error().code != earlier.code;
  if (earlier && was_earlier && !errors_) tell_later({earlier.code, "send"});
  return done;
}

Result<void> Datagram::send(const Outgoing& datagram) {
  iovec piece{const_cast<std::byte*>(datagram.bytes.data()), datagram.bytes.size()};
  msghdr header{};
  set_peer(header, datagram.to);
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  Control control;
  if (datagram.from) control.add_source(*datagram.from);
  control.attach(header);
  const auto done = send_message(header);
  if (done || done.error().code != ENOBUFS) return done;
  ++failed_sends_;  // the device's queue is full: lost, as it might be anywhere on the way
  return {};
}

Result<void> Datagram::send(std::span<const std::byte> bytes, const Address& to) {
  return send(Outgoing{bytes, &to});
}

Result<void> Datagram::send(std::span<const std::byte> bytes) {
  return send(Outgoing{bytes});
}

std::size_t Datagram::send(std::span<const Outgoing> batch) {
  if (batch.size() == 1) {
    const auto done = send(batch.front());
    if (!done && done.error().code == EAGAIN) return 0;
    if (!done) ++failed_sends_;
    return 1;
  }
  std::size_t sent = 0;
  while (sent < batch.size()) {
    const auto some = batch.subspan(sent, std::min(batch.size() - sent, kBatch));
    const std::size_t gone = send_batch(some);
    sent += gone;
    if (gone < some.size() && wants_room_) break;  // else it has learnt not to cut
  }
  return sent;
}

/// Up to kBatch datagrams by one sendmmsg(2), runs of them as segments of one message.
std::size_t Datagram::send_batch(std::span<const Outgoing> batch) {
  iovec pieces[kBatch];
  mmsghdr headers[kBatch];
  Control controls[kBatch];
  std::uint16_t sizes[kBatch];
  std::size_t messages = 0;
  for (std::size_t i = 0; i < batch.size(); ++messages) {
    const std::size_t run = no_segments_ ? 1 : run_length(batch.subspan(i));
    msghdr& header = headers[messages].msg_hdr;
    header = {};
    set_peer(header, batch[i].to);
    header.msg_iov = &pieces[i];
    header.msg_iovlen = run;
    Control& control = controls[messages];
    if (batch[i].from) control.add_source(*batch[i].from);
    if (run > 1) control.add_segment(batch[i].bytes.size());
    control.attach(header);
    sizes[messages] = static_cast<std::uint16_t>(run);
    for (const std::size_t end = i + run; i < end; ++i) {
      pieces[i] = {const_cast<std::byte*>(batch[i].bytes.data()), batch[i].bytes.size()};
    }
  }
  return send_together(headers, {sizes, messages});
}

/// Returns how many datagrams went, the message at `i` being `sizes[i]` of them. Sets no_segments_
/// and stops where a message cannot be cut.
std::size_t Datagram::send_together(mmsghdr* headers, std::span<const std::uint16_t> sizes) {
  std::size_t sent = 0;
  for (std::size_t next = 0; next < sizes.size();) {
    const int count =
        ::sendmmsg(socket_.get(), headers + next, static_cast<unsigned>(sizes.size() - next),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      for (int i = 0; i < count; ++i) sent += sizes[next++];
      continue;
    }
    const Error error = Error::last("sendmmsg");
    if (error.code == EINTR) continue;
    if (error.code == EAGAIN) {
      want_room();
      return sent;
    }
    const auto again = send_message(headers[next].msg_hdr, error);
    if (!again && again.error().code == EAGAIN) return sent;
    if (!again && sizes[next] > 1 && refuses_segments(again.error().code)) {
      no_segments_ = true;
      return sent;
    }
    if (!again) failed_sends_ += sizes[next];
    sent += sizes[next++];
  }
  return sent;
}

Result<std::size_t> Datagram::send_segments(std::span<const std::byte> bytes, std::size_t segment,
                                            const Address& to) {
  const std::size_t at_once = std::min(kSegments, kMaxCall / segment);
  std::size_t sent = 0;
  while (!no_segments_ && at_once > 1 && bytes.size() - sent > segment) {
    const auto part = bytes.subspan(sent, std::min(bytes.size() - sent, at_once * segment));
    iovec piece{const_cast<std::byte*>(part.data()), part.size()};
    msghdr header{};
    set_peer(header, &to);
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    Control control;
    control.add_segment(segment);
    control.attach(header);
    const auto done = send_message(header);
    if (!done && refuses_segments(done.error().code)) {
      no_segments_ = true;
      break;
    }
    if (!done && done.error().code == EAGAIN) return sent;
    if (!done && sent == 0) return std::unexpected(done.error());
    if (!done) failed_sends_ += (part.size() + segment - 1) / segment;
    sent += part.size();
  }
  if (sent == 0) {
    const auto first = bytes.first(std::min(segment, bytes.size()));
    const auto done = send(first, to);
    if (!done && done.error().code == EAGAIN) return 0;
    if (!done) return std::unexpected(done.error());
    sent = first.size();
  }
  while (sent < bytes.size()) {
    Outgoing batch[kBatch];
    std::size_t count = 0;
    for (std::size_t at = sent; at < bytes.size() && count < kBatch; at += segment) {
      batch[count++] = {bytes.subspan(at, std::min(segment, bytes.size() - at)), &to};
    }
    const std::size_t gone = send_batch({batch, count});
    sent = std::min(bytes.size(), sent + gone * segment);
    if (gone < count && wants_room_) break;
  }
  return sent;
}

}  // namespace sluice
