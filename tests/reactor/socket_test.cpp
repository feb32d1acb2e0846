#include "reactor/socket.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/blocking_sockets.h"

using namespace std::chrono_literals;
using sluice::Address;
using sluice::Fd;
using sluice::Result;
using sluice::Socket;
namespace option = sluice::option;

namespace {

bool is_cloexec(int fd) {
  return (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

Socket bound_udp() {
  Socket socket = must(Socket::udp());
  must(socket.bind(Address::loopback_v4(0)));
  return socket;
}

std::string read_to_end(Socket& socket, std::size_t piece) {
  std::string all;
  for (;;) {
    const std::string some = must(socket.recv(piece));
    if (some.empty()) return all;
    all += some;
  }
}

std::string numbered(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 2654435761U) >> 24);
  return text;
}

/// A file without a name.
Fd file_with(std::string_view contents) {
  Fd file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  cr_assert(file);
  cr_assert_eq(::write(file.get(), contents.data(), contents.size()),
               static_cast<ssize_t>(contents.size()));
  return file;
}

}  // namespace

Test(socket, connects_and_talks_both_ways) {
  Socket listener = listening();
  Socket client = must(Socket::tcp());
  must(client.connect(must(listener.getsockname())));
  auto [server, peer] = must(listener.accept());
  cr_expect(peer == must(client.getsockname()));
  cr_expect(must(client.getpeername()) == must(server.getsockname()));

  cr_expect_eq(must(client.send("ping")), 4);
  cr_expect(must(server.recv(100)) == "ping");
  must(server.sendall("pong"));
  std::array<std::byte, 2> half{};
  cr_expect_eq(must(client.recv_into(half)), 2);
  cr_expect(half[1] == std::byte{'o'});
  cr_expect(must(client.recv(100, MSG_PEEK)) == "ng");
  cr_expect(must(client.recv(100)) == "ng");
}

Test(socket, shuts_down_one_way_at_a_time) {
  SocketPair pair;
  must(pair.client.sendall("last"));
  must(pair.client.shutdown(SHUT_WR));
  cr_expect(read_to_end(pair.server, 100) == "last");
  must(pair.server.sendall("answer"));
  cr_expect(must(pair.client.recv(100)) == "answer");
  cr_expect_eq(code_of(pair.client.send("more")), EPIPE);
}

Test(socket, makes_every_descriptor_close_on_exec) {
  SocketPair pair;
  const Socket udp = must(Socket::udp());
  const Fd listener = must(sluice::tcp_listen(Address::loopback_v4(0)));
  const Fd connecting = must(sluice::tcp_start_connect(must(Address::local_of(listener.get()))));
  for (const int fd :
       {pair.client.fileno(), pair.server.fileno(), udp.fileno(), listener.get(), connecting.get()})
    cr_expect(is_cloexec(fd));
  cr_expect(is_nonblocking(listener.get()) && is_nonblocking(connecting.get()));
  cr_expect(!is_nonblocking(pair.client.fileno()) && !is_nonblocking(pair.server.fileno()));
}

Test(socket, connect_ex_gives_the_error_number) {
  Socket listener = listening();
  const Address address = must(listener.getsockname());
  cr_expect_eq(must(Socket::tcp()).connect_ex(address), 0);
  listener.close();
  Socket client = must(Socket::tcp());
  cr_expect_eq(client.connect_ex(address), ECONNREFUSED);
  cr_expect_eq(code_of(client.connect(address)), ECONNREFUSED);
  must(client.settimeout(5s));
  cr_expect_eq(client.connect_ex(address), ECONNREFUSED);
}

Test(socket, connects_within_a_timeout) {
  Socket listener = listening();
  Socket client = must(Socket::tcp());
  must(client.settimeout(30s));
  must(client.connect(must(listener.getsockname())));
  auto [server, peer] = must(listener.accept());
  must(client.sendall("here"));
  cr_expect(must(server.recv(10)) == "here");
}

Test(socket, connect_ends_with_its_timeout) {
  // The kernel drops what comes to a full listen queue, so that the connection never stands.
  Socket listener = must(Socket::tcp());
  must(listener.bind(Address::loopback_v4(0)));
  must(listener.listen(0));
  const Address address = must(listener.getsockname());
  std::vector<Socket> waiting;
  int code = 0;
  for (int i = 0; i < 10 && code == 0; ++i) {
    waiting.push_back(must(Socket::tcp()));
    must(waiting.back().settimeout(50ms));
    code = waiting.back().connect_ex(address);
  }
  cr_expect_eq(code, ETIMEDOUT);
}

Test(socket, every_wait_ends_with_its_timeout) {
  Socket listener = listening();
  must(listener.settimeout(10ms));
  cr_expect_eq(code_of(listener.accept()), ETIMEDOUT);

  SocketPair pair;
  must(pair.client.settimeout(10ms));
  std::array<std::byte, 8> bytes{};
  cr_expect_eq(code_of(pair.client.recv(1)), ETIMEDOUT);
  cr_expect_eq(code_of(pair.client.recv_into(bytes)), ETIMEDOUT);
  // As nobody reads, the buffers of both ends fill up.
  cr_expect_eq(code_of(pair.client.sendall(std::string(64 << 20, 'x'))), ETIMEDOUT);
  cr_expect_eq(code_of(pair.client.send("x")), ETIMEDOUT);
  const Fd file = file_with("more");
  cr_expect_eq(code_of(pair.client.sendfile(file.get())), ETIMEDOUT);

  Socket udp = bound_udp();
  must(udp.settimeout(10ms));
  cr_expect_eq(code_of(udp.recvfrom(1)), ETIMEDOUT);
  cr_expect_eq(code_of(udp.recvfrom_into(bytes)), ETIMEDOUT);
}

Test(socket, a_timeout_waits_no_less_than_it_says) {
  SocketPair pair;
  must(pair.client.settimeout(20ms));
  const auto start = std::chrono::steady_clock::now();
  cr_expect_eq(code_of(pair.client.recv(1)), ETIMEDOUT);
  cr_expect(std::chrono::steady_clock::now() - start >= 20ms);
}

Test(socket, blocking_and_timeout_are_one_setting) {
  SocketPair pair;
  Socket& socket = pair.client;
  cr_expect(!socket.gettimeout() && !is_nonblocking(socket.fileno()));
  must(socket.setblocking(false));
  cr_expect(socket.gettimeout() == 0ns && is_nonblocking(socket.fileno()));
  cr_expect_eq(code_of(socket.recv(1)), EAGAIN);
  cr_expect_eq(code_of(socket.sendfile(0)), EINVAL);
  must(socket.settimeout(5s));
  cr_expect(socket.gettimeout() == 5s && is_nonblocking(socket.fileno()));
  cr_expect_eq(code_of(socket.settimeout(-1ns)), EINVAL);
  cr_expect(socket.gettimeout() == 5s, "a refused time changes nothing");
  must(socket.setblocking(true));
  cr_expect(!socket.gettimeout() && !is_nonblocking(socket.fileno()));
  must(socket.settimeout(sluice::Duration::max()));
  must(pair.server.sendall("x"));
  cr_expect(must(socket.recv(1)) == "x", "the longest time is no time in the past");
}

Test(socket, sends_all_to_a_slow_reader) {
  const std::string sent = numbered(10 << 20);
  for (const bool timed : {false, true}) {
    SocketPair pair;
    if (timed) must(pair.client.settimeout(60s));
    Result<void> result;
    std::thread sender([&] {
      result = pair.client.sendall(sent);
      pair.client.close();
    });
    const std::string got = read_to_end(pair.server, 1000);
    sender.join();
    must(result);
    cr_expect(got == sent);
  }
}

Test(socket, sends_a_file_whole_or_in_part) {
  const std::string contents = numbered((3 << 20) + 17);
  const Fd file = file_with(contents);
  const ::off_t before = ::lseek(file.get(), 7, SEEK_SET);
  struct {
    ::off_t offset;
    std::optional<std::uint64_t> count;
    std::string_view expected;
  } const cases[] = {{0, {}, contents},
                     {5, 10, std::string_view(contents).substr(5, 10)},
                     {1 << 20, {}, std::string_view(contents).substr(1 << 20)},
                     {3 << 20, 1 << 20, std::string_view(contents).substr(3 << 20)},
                     {0, 0, ""},
                     {1 << 30, {}, ""}};
  for (const auto& each : cases) {
    SocketPair pair;
    Result<std::uint64_t> sent = 0;
    std::thread sender([&] {
      sent = pair.client.sendfile(file.get(), each.offset, each.count);
      pair.client.close();
    });
    const std::string got = read_to_end(pair.server, 65536);
    sender.join();
    cr_expect_eq(must(sent), each.expected.size());
    cr_expect(got == each.expected);
  }
  cr_expect_eq(::lseek(file.get(), 0, SEEK_CUR), before, "the file's position is unchanged");
}

Test(socket, sends_a_file_that_sendfile_cannot_map) {
  int ends[2];
  cr_assert_eq(::pipe2(ends, O_CLOEXEC), 0);
  const Fd source(ends[0]);
  Fd feed(ends[1]);
  cr_assert_eq(::write(feed.get(), "out of a pipe", 13), 13);
  feed.reset();
  SocketPair pair;
  cr_expect_eq(must(pair.client.sendfile(source.get())), 13);
  cr_expect(must(pair.server.recv(100)) == "out of a pipe");
  cr_expect_neq(code_of(pair.client.sendfile(source.get(), 1)), 0, "a pipe has no offset");
  cr_expect_eq(code_of(pair.client.sendfile(-1)), EBADF);
}

Test(socket, a_gone_peer_is_an_error_and_never_a_signal) {
  cr_assert(::signal(SIGPIPE, SIG_DFL) != SIG_ERR);
  const Fd file = file_with("contents");
  SocketPair pair;
  must(pair.client.sendall("unread, so that closing resets"));
  must(pair.server.recv(1, MSG_PEEK));
  pair.server.close();
  cr_expect_eq(code_of(pair.client.recv(1)), ECONNRESET);
  cr_expect_eq(code_of(pair.client.send("x")), EPIPE);
  cr_expect_eq(code_of(pair.client.sendall("x")), EPIPE);
  cr_expect_eq(code_of(pair.client.sendfile(file.get())), EPIPE);
  cr_expect_eq(code_of(pair.client.sendto("x", Address::loopback_v4(9))), EPIPE);
  ::sigset_t pending, blocked;
  cr_assert_eq(::sigpending(&pending) + ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked), 0);
  cr_expect(!::sigismember(&pending, SIGPIPE) && !::sigismember(&blocked, SIGPIPE));
}

Test(socket, exchanges_datagrams) {
  Socket a = bound_udp();
  Socket b = bound_udp();
  cr_expect_eq(must(a.sendto("question", must(b.getsockname()))), 8);
  auto [text, from] = must(b.recvfrom(100));
  cr_expect(text == "question" && from == must(a.getsockname()));
  must(b.sendto("", from));
  must(b.sendto("a longer answer", from));
  cr_expect(must(a.recvfrom(100)).first.empty());
  std::array<std::byte, 8> bytes{};
  const auto [size, back] = must(a.recvfrom_into(bytes));
  cr_expect_eq(size, 8, "the rest of the datagram is lost");
  cr_expect(back == must(b.getsockname()));
}

Test(socket, detach_gives_the_descriptor_away) {
  SocketPair pair;
  const int number = pair.client.fileno();
  const Fd taken(pair.client.detach());
  cr_expect_eq(taken.get(), number);
  cr_expect_eq(pair.client.fileno(), -1);
  cr_expect_eq(code_of(pair.client.send("x")), EBADF);
  cr_expect_eq(::send(taken.get(), "x", 1, MSG_NOSIGNAL), 1);
  cr_expect(must(pair.server.recv(9)) == "x");
}

Test(socket, every_call_on_a_closed_socket_is_an_error) {
  Socket socket = must(Socket::tcp());
  socket.close();
  const Address address = Address::loopback_v4(9);
  for (const int code :
       {code_of(socket.bind(address)), code_of(socket.listen()), code_of(socket.accept()),
        socket.connect_ex(address), code_of(socket.recv(1)), code_of(socket.recvfrom(1)),
        code_of(socket.send("x")), code_of(socket.sendall("x")),
        code_of(socket.sendto("x", address)), code_of(socket.shutdown(SHUT_RDWR)),
        code_of(socket.setblocking(false)), code_of(socket.settimeout(1s)),
        code_of(socket.getsockname()), code_of(socket.getpeername()),
        code_of(socket.setsockopt(option::keep_alive, true)),
        code_of(socket.getsockopt(option::dont_linger)),
        code_of(socket.getsockopt(SOL_SOCKET, SO_TYPE))})
    cr_expect_eq(code, EBADF);
}
