#include "reactor/tcp.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "tests/support/blocking_sockets.h"

using sluice::Address;
using sluice::Fd;
using sluice::Socket;

namespace {

/// A folder with nothing in it, removed with what the test has put there.
struct Folder {
  std::string path = "/tmp/tcp_test.XXXXXX";
  Folder() { cr_assert_not_null(::mkdtemp(path.data())); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    ::unlink((path + "/s").c_str());
    ::rmdir(path.c_str());
  }
  Address address() const { return must(Address::parse("unix:" + path + "/s")); }
};

}  // namespace

Test(tcp_listen, accepts_and_refuses_a_port_in_use) {
  const Fd listener = must(sluice::tcp_listen(Address::loopback_v4(0)));
  const Address address = must(Address::local_of(listener.get()));
  const auto second = sluice::tcp_listen(address);
  cr_expect_eq(code_of(second), EADDRINUSE);
  cr_expect_eq(code_of(sluice::tcp_listen(Address())), EAFNOSUPPORT);
  Socket client = must(Socket::tcp());
  must(client.connect(address));
}

Test(tcp_listen, shares_a_port_when_asked) {
  const Fd first = must(sluice::tcp_listen(Address::loopback_v4(0), 16, true));
  must(sluice::tcp_listen(must(Address::local_of(first.get())), 16, true));
}

Test(tcp_listen, takes_the_place_of_a_stale_unix_socket_only) {
  const Folder folder;
  const Address address = folder.address();
  must(sluice::tcp_listen(address));  // closed at once; its file stays
  const Fd live = must(sluice::tcp_listen(address));
  cr_expect_eq(code_of(sluice::tcp_listen(address)), EADDRINUSE);
  Socket client = must(Socket::tcp(AF_UNIX));
  must(client.connect(address));
  cr_expect(must(client.getpeername()) == address);
}

Test(tcp_listen, never_removes_a_file_that_is_no_socket) {
  const Folder folder;
  const std::string path = folder.address().host();
  const Fd plain(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  cr_assert(plain);
  cr_expect_eq(code_of(sluice::tcp_listen(folder.address())), EADDRINUSE);
  struct ::stat status{};
  cr_expect(::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode));
}

Test(tcp_start_connect, tells_its_end_by_writability_and_connect_result) {
  Socket listener = listening();
  const Address address = must(listener.getsockname());
  Socket arrived(must(sluice::tcp_start_connect(address)));
  auto [server, peer] = must(listener.accept());
  must(sluice::connect_result(arrived.fileno()));
  must(sluice::set_nonblocking(arrived.fileno(), false));
  cr_expect(!is_nonblocking(arrived.fileno()));

  listener.close();
  const auto refused = sluice::tcp_start_connect(address);
  if (!refused) {
    cr_expect_eq(refused.error().code, ECONNREFUSED);
  } else {
    cr_expect_eq(code_of(sluice::connect_result(refused->get())), ECONNREFUSED);
    cr_expect_eq(code_of(sluice::connect_result(refused->get())), 0, "reading clears it");
  }
}
