#include "protocols/multicast/program.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "protocols/multicast/sink.h"
#include "reactor/log.h"
#include "reactor/text.h"
#include "tests/support/loop.h"

using namespace sluice;
using namespace sluice::multicast;

namespace {

/// A pipe whose other end is read when the test says so.
struct Pipe {
  Pipe() {
    int ends[2];
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    reading.reset(ends[0]);
    writing.reset(ends[1]);
    cr_assert(fcntl(reading.get(), F_SETFL, O_NONBLOCK) == 0);
  }
  std::string read_all() const {
    std::string got;
    char part[65536];
    for (ssize_t size; (size = read(reading.get(), part, sizeof part)) > 0;) {
      got.append(part, static_cast<std::size_t>(size));
    }
    return got;
  }
  Fd reading, writing;
};

Received datagram(std::string_view text) {
  Received received;
  received.bytes = as_bytes(text);
  return received;
}

}  // namespace

static void holds_what_does_not_fit(SelectorKind kind, bool shared) {
  Reactor reactor({.selector = kind});
  Pipe pipe;
  PipeWriter writer(reactor, 1'000'000);
  cr_assert(writer.open(std::move(pipe.writing), shared));
  std::string all;
  for (int i = 0; i < 90; ++i) {
    const std::string piece = concat(std::string(9'999, static_cast<char>('a' + i % 26)), '\n');
    cr_assert(writer.put(piece));
    writer.flush();
    all += piece;
  }
  cr_expect(!writer.empty());
  std::string got;
  cr_assert(run_until(reactor, [&] {
    got += pipe.read_all();
    return writer.empty();
  }));
  got += pipe.read_all();
  cr_expect(got == all);
  cr_expect(writer.dropped() == 0);
}

TestEachSelector(multicast_pipe_writer, holds_what_does_not_fit_into_a_pipe) {
  holds_what_does_not_fit(kind, false);
}
TestEachSelector(multicast_pipe_writer, holds_what_does_not_fit_into_a_shared_pipe) {
  holds_what_does_not_fit(kind, true);
}

Test(multicast_pipe_writer, leaves_a_shared_descriptor_as_it_is) {
  Reactor reactor;
  Pipe pipe;
  PipeWriter writer(reactor);
  const int copy = dup(pipe.writing.get());
  cr_assert(writer.open(std::move(pipe.writing), true));
  cr_expect((fcntl(copy, F_GETFL) & O_NONBLOCK) == 0);
  close(copy);
}

TestEachSelector(multicast_pipe_writer, drops_whole_pieces_beyond_its_bound_and_counts_them) {
  Reactor reactor({.selector = kind});
  Pipe pipe;
  PipeWriter writer(reactor, 100'000);
  cr_assert(writer.open(std::move(pipe.writing), false));
  const std::string piece = std::string(9'999, 'x') + '\n';
  std::size_t taken = 0;
  for (int i = 0; i < 100; ++i) {
    taken += writer.put(piece) ? 1 : 0;
    writer.flush();
  }
  cr_expect(taken < 100);
  cr_expect(writer.dropped() == 100 - taken);
  std::string got;
  cr_assert(run_until(reactor, [&] {
    got += pipe.read_all();
    return writer.empty();
  }));
  got += pipe.read_all();
  cr_expect(got.size() == taken * piece.size());
  cr_expect(writer.put(piece));
}

TestEachSelector(multicast_pipe_writer, tells_that_its_reader_has_gone) {
  Reactor reactor({.selector = kind});
  Pipe pipe;
  PipeWriter writer(reactor);
  int told = 0;
  writer.on_drained([&] { ++told; });
  cr_assert(writer.open(std::move(pipe.writing), false));
  pipe.reading.reset();
  writer.put("x");
  writer.flush();
  cr_expect(told == 0);
  cr_assert(run_until(reactor, [&] { return told != 0; }));
  cr_expect(writer.error().code == EPIPE);
  cr_expect(!writer.put("y"));
  cr_expect(writer.dropped() == 1);
}

TestEachSelector(multicast_program, reads_what_is_put_and_tells_how_it_ended) {
  Reactor reactor({.selector = kind});
  int status = -1;
  Program program(reactor, "read a; read b; [ \"$a$b\" = onetwo ] && exit 7",
                  [&](int ended) { status = ended; });
  cr_assert(program.start());
  program.input().put("one", "\n");
  program.input().put("two\n");
  program.input().flush();
  cr_assert(run_until(reactor, [&] { return !program.running(); }));
  cr_expect(how_ended(status) == "ended with status 7");
}

TestEachSelector(multicast_program, sees_the_end_of_its_input_behind_all_that_was_held) {
  Reactor reactor({.selector = kind});
  int status = -1;
  Program program(reactor, "sleep 0.1; [ $(wc -c) = 1000000 ]", [&](int ended) { status = ended; });
  cr_assert(program.start());
  const std::string piece(10'000, 'x');
  for (int i = 0; i < 100; ++i) program.input().put(piece);
  program.input().flush();
  program.end_input();
  cr_assert(run_until(reactor, [&] { return !program.running(); }));
  cr_expect(status == 0);
}

TestEachSelector(multicast_program, can_be_ended_and_started_again) {
  Reactor reactor({.selector = kind});
  int status = -1;
  Program program(reactor, "exec sleep 1000", [&](int ended) { status = ended; });
  for (int i = 0; i < 2; ++i) {
    cr_assert(program.start());
    program.terminate();
    cr_assert(run_until(reactor, [&] { return !program.running(); }));
    cr_expect(how_ended(status) == concat("was ended by signal ", SIGTERM));
  }
}

Test(multicast_program, leaves_other_children_alone) {
  Reactor reactor;
  const pid_t other = fork();
  if (other == 0) _exit(42);
  Program program(reactor, "true", [](int) {});
  cr_assert(program.start());
  cr_assert(run_until(reactor, [&] { return !program.running(); }));
  int status = 0;
  cr_expect(waitpid(other, &status, 0) == other);
  cr_expect(WEXITSTATUS(status) == 42);
}

Test(multicast_file_sink, appends_and_counts_what_a_full_disk_does_not_take) {
  set_log_level(LogLevel::error);
  auto sink = FileSink::open("/dev/full");
  cr_assert(sink);
  const Received batch[] = {datagram("one"), datagram(""), datagram("two")};
  (*sink)->take(batch);
  cr_expect((*sink)->error().code == ENOSPC);
  cr_expect((*sink)->dropped() == 2);
  cr_expect(!FileSink::open("/nowhere/at/all"));
}
