#include "reactor/stream.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/loop.h"
#include "tests/support/recording_handler.h"
#include "tests/support/sockets.h"

/// Bytes through a Stream in both directions. How one ends: stream_end_test.cpp.
using namespace sluice;
using namespace std::chrono_literals;

namespace {

std::string numbered(std::size_t size) {
  std::string text;
  text.reserve(size + 16);
  while (text.size() < size) text += std::to_string(text.size()) + ' ';
  text.resize(size);
  return text;
}

Fd file_with(std::string_view text) {
  Fd file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  cr_assert(file);
  cr_assert(write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return file;
}

/// Turns the loop while the peer reads, until it has `size` bytes or its end.
std::string read_all(Reactor& reactor, int peer, std::size_t size = SIZE_MAX) {
  std::string arrived;
  Tail tail = Tail::more;
  cr_assert(run_until(reactor, [&] {
    if (tail == Tail::more) tail = read_some(peer, arrived);
    return tail != Tail::more || arrived.size() >= size;
  }));
  cr_assert(tail != Tail::reset);
  return arrived;
}

}  // namespace

TestEachSelector(stream, delivers_bytes_both_ways_at_once) {
  Reactor reactor({.selector = kind});
  Pair pair = tcp_pair();
  RecordingHandler handler;
  Stream stream(reactor, std::move(pair.ours), handler);
  handler.when_data = [](Stream& from, std::span<const std::byte> bytes) { from.write(bytes); };
  send_text(pair.theirs.get(), "hello");
  cr_expect(read_all(reactor, pair.theirs.get(), 5) == "hello");
  cr_expect(handler.data == "hello");
  cr_expect(stream.open() && stream.drained() && stream.queued() == 0);
  cr_expect(handler.calls == "d");
}

TestEachSelector(stream, asks_the_kernel_for_nothing_more_when_a_write_goes_out_at_once) {
  Reactor reactor({.selector = kind});
  Pair pair = unix_pair();
  RecordingHandler handler;
  Stream stream(reactor, std::move(pair.ours), handler);
  const SharedBytes shared(as_bytes("shared "));
  const auto before = reactor.selector().kernel_calls();
  for (int i = 0; i < 10; ++i) {
    stream.write("own ");
    stream.write(shared);
    stream.write(FileRange{file_with("file "), 0, 5});
    turn(reactor);
  }
  cr_expect(reactor.selector().kernel_calls() == before);
  cr_expect(stream.drained(), "an idle connection owns no queue");
  cr_expect(handler.calls == "");
  std::string arrived;
  read_some(pair.theirs.get(), arrived);
  cr_expect(arrived.starts_with("own shared file own shared file "));
}

TestEachSelector(stream, reads_no_more_than_its_share_in_one_turn) {
  Reactor reactor({.selector = kind});
  Pair greedy = unix_pair(), modest = unix_pair();
  set_int(greedy.theirs.get(), SO_SNDBUF, 1 << 20);
  RecordingHandler first, second;
  Stream one(reactor, std::move(greedy.ours), first), two(reactor, std::move(modest.ours), second);
  fill(greedy.theirs.get());
  send_text(modest.theirs.get(), "x");
  turn(reactor);
  cr_expect(first.data.size() <= limits::kReadBufferBytes);
  cr_expect(second.data == "x", "the same turn serves both");
}

TestEachSelector(stream, sends_own_and_shared_bytes_and_files_in_order) {
  Reactor reactor({.selector = kind});
  Pair pair = tcp_pair({.our_send_buffer = 4096, .their_receive_buffer = 4096});
  RecordingHandler handler;
  const Stream::Options roomy{.high_mark = 1 << 30, .low_mark = 0, .write_cap = 1 << 30};
  Stream stream(reactor, std::move(pair.ours), handler, roomy);
  const std::string own = numbered(300'000), file = numbered(limits::kSendfileBudgetBytes + 9);
  const SharedBytes shared(as_bytes(numbered(20'000)));
  std::string expected;
  for (int round = 0; round < 2; ++round) {
    stream.write(own);
    stream.write(shared);
    stream.write(FileRange{file_with(file), 5, file.size() - 5});
    stream.write(shared);
    stream.write("end\n");
    expected += own + std::string(as_text(shared.bytes())) + file.substr(5) +
                std::string(as_text(shared.bytes())) + "end\n";
  }
  cr_expect(!stream.drained());
  const std::string arrived = read_all(reactor, pair.theirs.get(), expected.size());
  cr_expect(arrived == expected);
  cr_assert(run_until(reactor, [&] { return stream.drained(); }));
  cr_expect(handler.calls == "w", "%s", handler.calls.c_str());
}

TestEachSelector(stream, fails_when_a_file_becomes_shorter_while_it_is_sent) {
  Reactor reactor({.selector = kind});
  Pair pair = tcp_pair({.our_send_buffer = 4096, .their_receive_buffer = 4096});
  RecordingHandler handler;
  Stream stream(reactor, std::move(pair.ours), handler);
  Fd file = file_with(numbered(4'000'000));
  const Fd same(fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  stream.write(FileRange{std::move(file), 0, 4'000'000});
  cr_assert(ftruncate(same.get(), 1000) == 0);
  std::string arrived;
  Tail tail = Tail::more;
  cr_assert(run_until(reactor, [&] {
    if (tail == Tail::more) tail = read_some(pair.theirs.get(), arrived);
    return handler.closed && tail != Tail::more;
  }));
  cr_expect(handler.error.code == EIO, "%s", handler.error.message().c_str());
  cr_expect(tail == Tail::reset, "the peer must not take what it has for the whole");
}

Test(stream, gives_backpressure_in_pairs_at_the_exact_marks) {
  Reactor reactor;
  Pair pair = unix_pair();
  RecordingHandler handler;
  const Stream::Options options{.high_mark = 10'000, .low_mark = 2'000};
  Stream stream(reactor, std::move(pair.ours), handler, options);
  fill(stream.fd());
  stream.write(numbered(10'000));
  cr_expect(handler.calls == "", "at the mark is not above it");
  stream.write("x");
  cr_expect(handler.calls == "P");
  stream.write(numbered(5'000));
  cr_expect(handler.calls == "P", "once is enough");
  std::size_t queued_when_released = 0;
  handler.when_pressed = [&](Stream& from, bool on) {
    if (!on) queued_when_released = from.queued();
  };
  read_all(reactor, pair.theirs.get(), 0);
  std::string arrived;
  cr_assert(run_until(reactor, [&] {
    read_some(pair.theirs.get(), arrived, 1'000);
    return stream.drained();
  }));
  cr_expect(handler.calls == "Ppw", "%s", handler.calls.c_str());
  cr_expect(queued_when_released <= 2'000);
}

TestEachSelector(stream, can_be_fed_from_within_its_backpressure_calls) {
  Reactor reactor({.selector = kind});
  Pair pair = tcp_pair({.our_send_buffer = 4096, .their_receive_buffer = 4096});
  RecordingHandler handler;
  Stream stream(reactor, std::move(pair.ours), handler);
  const std::string text = numbered(2'000'000);
  std::size_t produced = 0, most_queued = 0;
  bool pressed = false;
  const auto produce = [&] {
    while (!pressed && produced < text.size()) {
      const auto piece = std::string_view(text).substr(produced, 7000);
      produced += piece.size();
      stream.write(piece);
      most_queued = std::max(most_queued, stream.queued());
    }
    if (produced == text.size()) stream.close();
  };
  handler.when_pressed = [&](Stream&, bool on) {
    pressed = on;
    if (!on) produce();
  };
  produce();
  const std::string arrived = read_all(reactor, pair.theirs.get());
  cr_expect(arrived == text);
  cr_expect(most_queued <= limits::kHighMark + 7000);
}

TestEachSelector(stream, does_not_let_a_slow_reader_delay_a_fast_one) {
  Reactor reactor({.selector = kind});
  Pair slow = tcp_pair({.our_send_buffer = 4096, .their_receive_buffer = 4096}), fast = tcp_pair();
  RecordingHandler slow_handler, fast_handler;
  Stream first(reactor, std::move(slow.ours), slow_handler);
  Stream second(reactor, std::move(fast.ours), fast_handler);
  const SharedBytes message(as_bytes(numbered(1000)));
  std::string arrived;
  for (int i = 1; i <= 2000; ++i) {
    first.write(message);
    second.write(message);
    if (i % 100 == 0) {
      cr_assert(run_until(reactor, [&] {
        read_some(fast.theirs.get(), arrived);
        return arrived.size() == static_cast<std::size_t>(i) * 1000;
      }));
    }
  }
  cr_expect(first.queued() > 1'000'000);
  cr_expect(slow_handler.calls == "P" && fast_handler.calls.find('P') == std::string::npos);
}

Test(stream, shares_one_message_among_a_thousand_readers) {
  Reactor reactor;
  constexpr std::size_t kReaders = 400;  // of two descriptors each, within the usual limit of 1024
  RecordingHandler handler;
  std::vector<Pair> pairs;
  std::vector<std::unique_ptr<Stream>> streams;
  for (std::size_t i = 0; i < kReaders; ++i) {
    pairs.push_back(unix_pair());
    fill(pairs.back().ours.get());
    streams.push_back(std::make_unique<Stream>(reactor, std::move(pairs.back().ours), handler));
  }
  {
    const SharedBytes message(as_bytes(std::string(60'000, 'm')));
    for (const auto& stream : streams) stream->write(message);
  }
  std::vector<std::string> arrived(kReaders);
  cr_assert(run_until(reactor, [&] {
    bool all = true;
    for (std::size_t i = 0; i < kReaders; ++i) {
      std::string more;
      read_some(pairs[i].theirs.get(), more);
      if (!more.empty())
        arrived[i] = more.substr(more.size() - std::min<std::size_t>(9, more.size()));
      all = all && streams[i]->drained();
    }
    return all;
  }));
  for (std::size_t i = 0; i < kReaders; ++i) {
    read_some(pairs[i].theirs.get(), arrived[i]);
    cr_assert(arrived[i].ends_with("mmm"), "reader %zu", i);
  }
}

TestEachSelector(stream, pauses_and_resumes_reading) {
  Reactor reactor({.selector = kind});
  Pair pair = unix_pair();
  RecordingHandler handler;
  Stream stream(reactor, std::move(pair.ours), handler);
  handler.when_data = [](Stream& from, std::span<const std::byte>) { from.pause_reading(); };
  send_text(pair.theirs.get(), "one");
  turn(reactor, 2);
  send_text(pair.theirs.get(), "two");
  pair.theirs.reset();
  turn(reactor, 3);
  cr_expect(handler.data == "one");
  stream.pause_reading();
  stream.resume_reading();
  turn(reactor, 3);
  cr_expect(handler.data == "onetwo");
  cr_expect(handler.eofs == 0, "no end while it is paused");
  stream.resume_reading();
  cr_assert(run_until(reactor, [&] { return handler.closed; }));
  cr_expect(handler.calls == "dec", "%s", handler.calls.c_str());
}

Test(stream, says_so_in_a_call_when_it_cannot_be_registered) {
  for (const bool closes : {false, true}) {
    Reactor reactor;
    RecordingHandler handler;
    Stream stream(reactor, file_with(""), handler);
    cr_expect(!handler.closed, "not from inside the constructor");
    if (closes) stream.close();
    turn(reactor);
    cr_expect(handler.closed);
    cr_expect(handler.error.code == EPERM);
    turn(reactor);
    cr_expect(handler.calls == "c");
  }
}

Test(stream, says_nothing_of_drained_when_the_write_in_the_same_call_failed) {
  Reactor reactor;
  Pair pair = unix_pair();
  RecordingHandler handler;
  const Stream::Options options{.high_mark = 100, .low_mark = 0, .write_cap = 1'000'000};
  Stream stream(reactor, std::move(pair.ours), handler, options);
  fill(stream.fd());
  stream.write(numbered(200));
  handler.when_pressed = [](Stream& from, bool on) {
    if (!on) from.write(numbered(3'000'000));  // over the cap
  };
  std::string arrived;
  read_some(pair.theirs.get(), arrived);
  turn(reactor);
  turn(reactor);
  cr_expect(handler.calls == "PpPc" || handler.calls == "Ppc", "%s", handler.calls.c_str());
  cr_expect(handler.error.code == ENOBUFS);
}
