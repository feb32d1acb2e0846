#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "reactor/datagram.h"
#include "tests/support/datagrams.h"
#include "tests/support/loop.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

// What the calls of this program meet before the kernel does; 0: nothing.
int segments_error = 0;  ///< what is to be cut into segments is refused with it
int send_error = 0;      ///< of the next messages, those behind the first `good_sends` fail
int good_sends = 0;
int send_errors_left = 0;
int send_calls = 0;

bool asks_for_segments(const msghdr& header) {
  for (cmsghdr* message = CMSG_FIRSTHDR(&header); message != nullptr;
       message = CMSG_NXTHDR(const_cast<msghdr*>(&header), message)) {
    if (message->cmsg_level == IPPROTO_UDP && message->cmsg_type == UDP_SEGMENT) return true;
  }
  return false;
}

/// Criterion sends messages, too.
bool is_udp(int fd) {
  int protocol = 0;
  socklen_t size = sizeof protocol;
  return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == IPPROTO_UDP;
}

/// The error that a message meets; 0: none.
int met(int fd, const msghdr& header) {
  if (!is_udp(fd)) return 0;
  if (segments_error != 0 && asks_for_segments(header)) return segments_error;
  if (send_errors_left == 0 || good_sends-- > 0) return 0;
  --send_errors_left;
  return send_error;
}

}  // namespace

/// These take the place of libc's in this program.
extern "C" ssize_t sendmsg(int fd, const msghdr* header, int flags) {
  send_calls += is_udp(fd);
  if (const int error = met(fd, *header); error != 0) {
    errno = error;
    return -1;
  }
  return syscall(SYS_sendmsg, fd, header, flags);
}

extern "C" ssize_t sendto(int fd, const void* bytes, size_t size, int flags, const sockaddr* to,
                          socklen_t to_size) {
  send_calls += is_udp(fd);
  iovec piece{const_cast<void*>(bytes), size};
  msghdr header{};
  header.msg_name = const_cast<sockaddr*>(to);
  header.msg_namelen = to_size;
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  if (const int error = met(fd, header); error != 0) {
    errno = error;
    return -1;
  }
  return syscall(SYS_sendto, fd, bytes, size, flags, to, to_size);
}

extern "C" int sendmmsg(int fd, mmsghdr* headers, unsigned count, int flags) {
  send_calls += is_udp(fd);
  for (unsigned i = 0; i < count; ++i) {
    const int error = met(fd, headers[i].msg_hdr);
    if (error == 0) continue;
    if (i > 0) {
      count = i;  // the kernel tells by the next call
      break;
    }
    errno = error;
    return -1;
  }
  return static_cast<int>(syscall(SYS_sendmmsg, fd, headers, count, flags));
}

namespace {

using Options = Datagram::Options;

constexpr int kRoom = 4 << 20;

/// A Datagram that sends, and plain sockets that receive.
struct Scene {
  explicit Scene(SelectorKind kind, const Options& options = {},
                 const Address& bound = Address::loopback_v4(0))
      : reactor({.selector = kind}), datagram(reactor, heard) {
    cr_assert(datagram.open(bound, options));
    for (PlainUdp* one : {&plain, &other}) {
      setsockopt(one->fd(), SOL_SOCKET, SO_RCVBUF, &kRoom, sizeof kRoom);
    }
  }

  Reactor reactor;
  RecordingDatagrams heard;
  Datagram datagram;
  PlainUdp plain, other;
};

/// Texts to be sent, and the batch that sends them.
struct Batch {
  void add(std::string text, const Address& to, const Address* from = nullptr) {
    texts.push_back(std::move(text));
    peers.push_back({&to, from});
  }
  std::vector<Outgoing> outgoing() const {
    std::vector<Outgoing> all;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      all.push_back({as_bytes(texts[i]), peers[i].first, peers[i].second});
    }
    return all;
  }
  std::vector<std::string> texts;
  std::vector<std::pair<const Address*, const Address*>> peers;
};

/// Whether `socket` gets just these, in this order.
void expect_arrived(const PlainUdp& socket, const std::vector<std::string>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::string got = socket.receive();
    cr_assert(got == expected[i], "datagram %zu: %zu bytes instead of %zu", i, got.size(),
              expected[i].size());
  }
  cr_expect(socket.is_empty(), "more than was sent");
}

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + i / 7 % 26);
  return bytes;
}

std::vector<std::string> cut(const std::string& bytes, std::size_t segment) {
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < bytes.size(); at += segment) {
    pieces.push_back(bytes.substr(at, segment));
  }
  return pieces;
}

struct Bulk {
  std::size_t bytes, segment;
};

/// No more than a receive buffer holds that only root can make larger.
constexpr Bulk kBulks[] = {
    {5000, 1000},      // even
    {5001, 1000},      // the last one is short
    {1000, 1000},      // one only
    {999, 1000},       // less than one
    {64 * 512, 512},   // as many as one call takes
    {65 * 512, 512},   // one more
    {150 * 8 + 3, 8},  // a lot more
    {100'000, 1472},   // more bytes than one call takes
    {70'000, 60'000},  // no two of them fit into a call
    {65'508, 32'754},  // nor do these, by a byte
};

void expect_segments(Scene& scene) {
  for (const auto& [bytes, segment] : kBulks) {
    const std::string all = pattern(bytes);
    const auto sent = scene.datagram.send_segments(as_bytes(all), segment, scene.plain.address);
    cr_assert(sent.has_value(), "%s", sent ? "" : sent.error().message().c_str());
    cr_expect_eq(*sent, bytes);
    expect_arrived(scene.plain, cut(all, segment));
  }
}

}  // namespace

// --- one -----------------------------------------------------------------------------------------

TestEachSelector(datagram_send, of_one_arrives) {
  Scene scene(kind);
  cr_assert(scene.datagram.send(as_bytes("one"), scene.plain.address));
  cr_assert(scene.datagram.send({}, scene.plain.address));
  const std::string longest = pattern(65507);
  cr_assert(scene.datagram.send(as_bytes(longest), scene.plain.address));
  expect_arrived(scene.plain, {"one", "", longest});
}

TestEachSelector(datagram_send, comes_from_the_host_that_was_asked_for) {
  Scene scene(kind, {}, at("0.0.0.0:0"));
  const Address asked = at("127.0.0.77:0");
  Address from;
  cr_assert(scene.datagram.send(Outgoing{as_bytes("x"), &scene.plain.address, &asked}));
  scene.plain.receive(&from);
  cr_expect(from == at("127.0.0.77", scene.datagram.address().port()));
  cr_assert(scene.datagram.send(as_bytes("x"), scene.plain.address));
  scene.plain.receive(&from);
  cr_expect(from == at("127.0.0.1", scene.datagram.address().port()));
}

TestEachSelector(datagram_send, of_more_than_fits_is_an_error) {
  Scene scene(kind);
  const std::string large = pattern(65508);
  const auto sent = scene.datagram.send(as_bytes(large), scene.plain.address);
  cr_assert(!sent);
  cr_expect_eq(sent.error().code, EMSGSIZE);
  turn(scene.reactor, 3);
  cr_expect(scene.heard.errors.empty() && scene.heard.writable == 0);
}

TestEachSelector(datagram_send, to_everybody_asks_for_the_option) {
  for (const bool allowed : {false, true}) {
    Scene scene(kind, {.broadcast = allowed});
    const auto sent =
        scene.datagram.send(as_bytes("all"), at("127.255.255.255", scene.plain.address.port()));
    cr_expect_eq(sent.has_value(), allowed);
    if (!sent) cr_expect_eq(sent.error().code, EACCES);
  }
}

TestEachSelector(datagram_send, that_fails_says_so_once_and_to_who_sends) {
  for (const int error : {ENETUNREACH, EHOSTUNREACH, EPERM, EMSGSIZE}) {
    Scene scene(kind);
    send_error = error;
    send_errors_left = 100;
    const auto sent = scene.datagram.send(as_bytes("x"), scene.plain.address);
    send_errors_left = 0;
    cr_assert(!sent);
    cr_expect_eq(sent.error().code, error);
    turn(scene.reactor, 3);
    cr_expect(scene.heard.errors.empty(), "%s", std::strerror(error));
  }
}

TestEachSelector(datagram_send, goes_on_after_an_interruption) {
  Scene scene(kind);
  send_error = EINTR;
  send_errors_left = 5;
  cr_expect(scene.datagram.send(as_bytes("x"), scene.plain.address).has_value());
  send_errors_left = 5;
  const std::string bytes = "y";
  const Outgoing one[] = {{as_bytes(bytes), &scene.plain.address}};
  cr_expect_eq(scene.datagram.send(one), 1);
  expect_arrived(scene.plain, {"x", "y"});
}

TestEachSelector(datagram_send, to_a_device_whose_queue_is_full_is_a_loss_as_any_other) {
  Scene scene(kind);
  send_error = ENOBUFS;
  send_errors_left = 1;
  cr_expect(scene.datagram.send(as_bytes("x"), scene.plain.address).has_value());
  cr_expect_eq(scene.datagram.failed_sends(), 1);
  cr_expect(scene.plain.is_empty());
}

// --- many ----------------------------------------------------------------------------------------

TestEachSelector(datagram_send, of_many_keeps_their_order_and_their_ends) {
  Scene scene(kind);
  Batch batch;
  std::vector<std::string> mine, others;
  for (std::size_t i = 0; i < 150; ++i) {
    // Runs of one size, shorter ones at their ends, empty ones, and changes of the peer.
    std::string text = pattern(i % 50 == 49 ? 0 : i % 7 == 6 ? i : 300 + i / 30);
    const bool to_other = i / 20 % 3 == 2;
    (to_other ? others : mine).push_back(text);
    batch.add(std::move(text), to_other ? scene.other.address : scene.plain.address);
  }
  cr_expect_eq(scene.datagram.send(batch.outgoing()), 150);
  expect_arrived(scene.plain, mine);
  expect_arrived(scene.other, others);
  cr_expect_eq(scene.datagram.failed_sends(), 0);
}

TestEachSelector(datagram_send, of_many_of_one_size_takes_few_calls) {
  Scene scene(kind);
  Batch batch;
  for (std::size_t i = 0; i < 64; ++i) batch.add(pattern(100), scene.plain.address);
  cr_expect_eq(scene.datagram.send(batch.outgoing()), 64);
  cr_expect_leq(send_calls, 2);
  expect_arrived(scene.plain, batch.texts);
}

TestEachSelector(datagram_send, of_none_is_nothing) {
  Scene scene(kind);
  cr_expect_eq(scene.datagram.send(std::span<const Outgoing>()), 0);
  cr_expect_eq(send_calls, 0);
}

TestEachSelector(datagram_send, of_many_answers_each_from_where_it_was_asked) {
  Scene scene(kind, {}, at("0.0.0.0:0"));
  const Address hosts[] = {at("127.0.0.5:0"), at("127.0.0.6:0")};
  Batch batch;
  for (std::size_t i = 0; i < 12; ++i) batch.add("x", scene.plain.address, &hosts[i / 3 % 2]);
  cr_expect_eq(scene.datagram.send(batch.outgoing()), 12);
  for (std::size_t i = 0; i < 12; ++i) {
    Address from;
    scene.plain.receive(&from);
    cr_expect(from.same_host(hosts[i / 3 % 2]), "%zu: %s", i, from.to_string().c_str());
  }
}

TestEachSelector(datagram_send, of_many_passes_over_the_one_that_cannot_be_sent) {
  const Address everybody = at("127.255.255.255:9"), nowhere = at("127.0.0.1:0");
  for (const Address& bad : {everybody, nowhere}) {
    for (const std::size_t bads : {1U, 2U, 3U}) {
      Scene scene(kind);
      Batch batch;
      for (const auto* text : {"1", "2", "3"}) batch.add(text, scene.plain.address);
      for (std::size_t i = 0; i < bads; ++i) batch.add("bad", bad);
      for (const auto* text : {"4", "5", "6"}) batch.add(text, scene.plain.address);
      cr_expect_eq(scene.datagram.send(batch.outgoing()), 6 + bads);
      expect_arrived(scene.plain, {"1", "2", "3", "4", "5", "6"});
      cr_expect_eq(scene.datagram.failed_sends(), bads, "%s", bad.to_string().c_str());
    }
  }
}

TestEachSelector(datagram_send, of_many_to_the_peer_of_a_connection_needs_no_address) {
  Scene scene(kind);
  cr_assert(scene.datagram.connect(scene.plain.address));
  const std::string texts[] = {"a", "b", "c"};
  std::vector<Outgoing> batch;
  for (const std::string& text : texts) batch.push_back({as_bytes(text)});
  cr_expect_eq(scene.datagram.send(batch), 3);
  expect_arrived(scene.plain, {"a", "b", "c"});
}

// --- segments ------------------------------------------------------------------------------------

TestEachSelector(datagram_send, of_segments_cuts_them_as_told) {
  Scene scene(kind);
  expect_segments(scene);
}

TestEachSelector(datagram_send, of_segments_does_without_the_kernels_help) {
  for (const int error : {EINVAL, EIO, ENOPROTOOPT, EMSGSIZE}) {
    Scene scene(kind);
    segments_error = error;
    expect_segments(scene);
    turn(scene.reactor, 3);
    cr_expect(scene.heard.errors.empty(), "what the kernel refused is no error of the network");
    cr_expect_eq(scene.datagram.failed_sends(), 0);
  }
}

TestEachSelector(datagram_send, of_many_does_without_the_kernels_help) {
  Scene scene(kind);
  segments_error = EIO;
  Batch batch;
  for (std::size_t i = 0; i < 150; ++i) batch.add(pattern(300), scene.plain.address);
  cr_expect_eq(scene.datagram.send(batch.outgoing()), 150);
  expect_arrived(scene.plain, batch.texts);
  cr_expect_eq(scene.datagram.failed_sends(), 0);
}

TestEachSelector(datagram_send, of_segments_learns_once_that_the_kernel_does_not_help) {
  Scene scene(kind);
  segments_error = EIO;
  const std::string all = pattern(3000);
  cr_assert(scene.datagram.send_segments(as_bytes(all), 1000, scene.plain.address));
  send_calls = 0;
  cr_assert(scene.datagram.send_segments(as_bytes(all), 1000, scene.plain.address));
  cr_expect_leq(send_calls, 3);
}

TestEachSelector(datagram_send, of_segments_that_fails_at_once_says_why) {
  for (const int refused : {0, EIO}) {
    Scene scene(kind);
    segments_error = refused;
    send_error = EPERM;
    send_errors_left = 1000;
    const std::string all = pattern(30'000);
    const auto sent = scene.datagram.send_segments(as_bytes(all), 1000, scene.plain.address);
    send_errors_left = 0;
    cr_expect(!sent && sent.error().code == EPERM);
  }
}

TestEachSelector(datagram_send,
                 of_segments_that_fails_later_does_not_look_as_if_there_was_no_room) {
  // Who gets fewer bytes back than he gave waits for on_writable.
  for (const int refused : {0, EIO}) {
    Scene scene(kind);
    segments_error = refused;
    const std::string all = pattern(200 * 1000);
    send_error = EPERM;
    good_sends = 1;
    send_errors_left = 1000;
    const auto sent = scene.datagram.send_segments(as_bytes(all), 1000, scene.plain.address);
    send_errors_left = 0;
    cr_assert(sent.has_value());
    cr_expect_eq(*sent, all.size());
    cr_expect_gt(scene.datagram.failed_sends(), 0);
  }
}

// --- no room -------------------------------------------------------------------------------------

TestEachSelector(datagram_send, of_one_without_room_is_told_of_room_once) {
  Scene scene(kind);
  send_error = EAGAIN;
  send_errors_left = 1;
  const auto sent = scene.datagram.send(as_bytes("x"), scene.plain.address);
  cr_expect(!sent && sent.error().code == EAGAIN);
  cr_expect_eq(scene.heard.writable, 0, "never from inside a call");
  cr_assert(run_until(scene.reactor, [&] { return scene.heard.writable > 0; }));
  turn(scene.reactor, 3);
  cr_expect_eq(scene.heard.writable, 1);
}

TestEachSelector(datagram_send, of_many_without_room_takes_the_first_ones) {
  for (const std::size_t good : {0U, 1U, 5U, 70U}) {
    Scene scene(kind);
    Batch batch;
    // Each of its own size, longer than the one before: no two go as one message.
    for (std::size_t i = 0; i < 100; ++i) batch.add(pattern(i + 1), scene.plain.address);
    const auto outgoing = batch.outgoing();
    send_error = EAGAIN;
    good_sends = static_cast<int>(good);
    send_errors_left = 1000;
    cr_expect_eq(scene.datagram.send(outgoing), good);
    send_errors_left = 0;
    cr_assert(run_until(scene.reactor, [&] { return scene.heard.writable == 1; }));
    cr_expect_eq(scene.datagram.send(std::span(outgoing).subspan(good)), 100 - good);
    expect_arrived(scene.plain, batch.texts);
    cr_expect_eq(scene.datagram.failed_sends(), 0);
  }
}

TestEachSelector(datagram_send, of_segments_without_room_takes_the_first_ones) {
  for (const int refused : {0, EIO}) {
    for (const int good : {0, 1}) {
      Scene scene(kind);
      segments_error = refused;
      const std::string all = pattern(100 * 1000);
      // So that it has learnt whether the kernel helps.
      cr_assert(scene.datagram.send_segments(as_bytes(all).first(2000), 1000, scene.other.address));
      send_error = EAGAIN;
      good_sends = good;
      send_errors_left = 1000;
      const auto sent = scene.datagram.send_segments(as_bytes(all), 1000, scene.plain.address);
      send_errors_left = 0;
      cr_assert(sent.has_value());
      cr_expect_eq(*sent, good * (refused ? 1000U : 64'000U));
      cr_assert(run_until(scene.reactor, [&] { return scene.heard.writable == 1; }));
      const auto rest = as_bytes(all).subspan(*sent);
      cr_expect_eq(*scene.datagram.send_segments(rest, 1000, scene.plain.address), rest.size());
      expect_arrived(scene.plain, cut(all, 1000));
    }
  }
}
