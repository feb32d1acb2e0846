#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "reactor/connector.h"
#include "reactor/listener.h"
#include "reactor/log.h"
#include "reactor/stream.h"
#include "tests/support/loop.h"
#include "tests/support/recording_handler.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

/// The descriptors that a program started now finds open, as `ls` lists them.
std::string seen_by_a_program() {
  int ends[2];
  cr_assert(pipe2(ends, O_CLOEXEC) == 0);
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  const pid_t child = fork();
  if (child == 0) {
    dup2(writing.get(), STDOUT_FILENO);
    execl("/bin/sh", "sh", "-c", "for fd in /proc/self/fd/*; do echo ${fd##*/}; done",
          static_cast<char*>(nullptr));
    _exit(127);
  }
  writing.reset();
  std::string listed;
  char buffer[4096];
  ssize_t size;
  while ((size = read(reading.get(), buffer, sizeof buffer)) > 0) {
    listed.append(buffer, static_cast<std::size_t>(size));
  }
  int status = 0;
  waitpid(child, &status, 0);
  cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return listed;
}

std::size_t open_here() {
  std::size_t count = 0;
  for (int fd = 0; fd < 1024; ++fd) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

/// One of everything that owns a descriptor.
struct Everything {
  explicit Everything(SelectorKind kind) : reactor({.selector = kind}) {
    cr_assert(reactor.on_signal(SIGUSR1, [] {}));
    cr_assert(listener.listen(Address::loopback_v4(0)));
    connector.start(listener.address(), 10s);
    cr_assert(run_until(reactor, [&] { return accepted != nullptr && connected; }));
    late.start(listener.address(), 10s);  // under way
    Fd file(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
    fill(accepted->fd());
    accepted->write(FileRange{std::move(file), 0, 10});
  }

  Reactor reactor;
  RecordingHandler handler;
  Fd connected;
  std::unique_ptr<Stream> accepted;
  Listener listener{reactor, [this](Fd fd, const Address&) {
                      accepted = std::make_unique<Stream>(reactor, std::move(fd), handler);
                    }};
  Connector connector{reactor, [this](Result<Fd> fd) { connected = std::move(*fd); }};
  Connector late{reactor, [](Result<Fd>) {}};
};

}  // namespace

TestEachSelector(descriptor_leak, gives_none_to_a_program_we_start) {
  const std::string before = seen_by_a_program();
  const Everything everything(kind);
  cr_assert(open_log("/dev/null"));
  const std::string after = seen_by_a_program();
  cr_expect(after == before, "before:\n%safter:\n%s", before.c_str(), after.c_str());
}

TestEachSelector(descriptor_leak, leaves_none_behind) {
  const std::size_t before = open_here();
  {
    const Everything everything(kind);
    cr_expect(open_here() > before + 6);
  }
  cr_expect(open_here() == before);
}
