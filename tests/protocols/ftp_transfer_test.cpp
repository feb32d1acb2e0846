#include "protocols/ftp/transfer.h"

#include <criterion/criterion.h>
#include <sys/resource.h>

#include <csignal>
#include <memory>
#include <optional>

#include "protocols/ftp/limits.h"
#include "protocols/ftp/listing.h"
#include "tests/protocols/temp_directory.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace sluice::ftp;
using namespace std::chrono_literals;
using End = Outcome::End;

namespace {

constexpr std::size_t kMuch = 8 * 1024 * 1024;

/// Sizes of the kernel's buffers with which a peer that does not read holds a transfer up.
constexpr PairOptions kNarrow{.our_send_buffer = 4096, .their_receive_buffer = 4096};

/// A source of which nothing can be had.
class Broken final : public Source {
 public:
  Result<More> fill(std::vector<std::byte>&) override { return fail("getdents", EBADMSG); }
};

struct Scene {
  explicit Scene(SelectorKind kind = SelectorKind::epoll, PairOptions buffers = {})
      : reactor({.selector = kind, .clock = &clock}), pair(tcp_pair(buffers)) {}

  void start(Transfer::Job job) {
    transfer = std::make_unique<Transfer>(reactor, options, std::move(job), [this](Outcome end) {
      ++calls;
      outcome = end;
      bytes_at_end = transfer->bytes();
    });
    transfer->start(std::move(pair.ours));
  }
  FileRange range(std::int64_t offset, std::uint64_t size, int flags = O_RDONLY) const {
    Fd file(::open(directory.path("file").c_str(), flags | O_CLOEXEC));
    cr_assert(file);
    return {std::move(file), offset, size};
  }
  Upload upload(std::string_view path) const {
    auto begun = Upload::begin(tree, path, Upload::How::store);
    cr_assert(begun);
    return std::move(*begun);
  }

  /// Waits for the end, which comes once.
  End end() {
    cr_assert(run_until(reactor, [&] { return outcome.has_value(); }));
    turn(reactor, 3);
    cr_expect(calls == 1, "%d calls", calls);
    return outcome->end;
  }
  /// What the peer gets until the connection ends.
  std::string receive(Tail& tail) {
    std::string text;
    cr_assert(run_until(reactor, [&] {
      tail = read_some(pair.theirs.get(), text);
      return tail != Tail::more;
    }));
    return text;
  }

  TempDirectory directory;
  files::Tree tree = *files::Tree::open(directory.path());
  FakeClock clock;
  Reactor reactor;
  Pair pair;
  Transfer::Options options;
  std::unique_ptr<Transfer> transfer;
  std::optional<Outcome> outcome;
  std::uint64_t bytes_at_end = 0;
  int calls = 0;
};

std::string much() {
  std::string text(kMuch, ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 2654435761u >> 13);
  return text;
}

}  // namespace

// --- a file that is sent -------------------------------------------------------------------------

TestEachSelector(ftp_transfer, sends_a_file_and_then_fin) {
  Scene scene(kind);
  const std::string text = much();
  scene.directory.put("file", text);
  scene.start(scene.range(0, kMuch));
  cr_expect(scene.transfer->size() == kMuch);
  Tail tail = Tail::more;
  cr_expect(scene.receive(tail) == text);
  cr_expect(tail == Tail::eof);
  cr_expect(scene.end() == End::whole && !scene.outcome->error);
  cr_expect(scene.bytes_at_end == kMuch && scene.transfer->bytes() == kMuch);
}

Test(ftp_transfer, sends_a_part_of_a_file) {
  Scene scene;
  scene.directory.put("file", "0123456789");
  scene.start(scene.range(3, 4));
  cr_expect(scene.end() == End::whole);
  Tail tail = Tail::more;
  cr_expect(scene.receive(tail) == "3456" && tail == Tail::eof);
  cr_expect(scene.bytes_at_end == 4);
}

Test(ftp_transfer, an_empty_file_is_whole_at_once) {
  Scene scene;
  scene.directory.put("file", "");
  scene.start(scene.range(0, 0));
  cr_expect(scene.calls == 1);
  cr_expect(scene.end() == End::whole && scene.bytes_at_end == 0);
  Tail tail = Tail::more;
  cr_expect(scene.receive(tail).empty() && tail == Tail::eof);
}

TestEachSelector(ftp_transfer, goes_on_for_a_peer_that_has_said_its_last_word) {
  Scene scene(kind, kNarrow);
  const std::string text = much();
  scene.directory.put("file", text);
  shutdown(scene.pair.theirs.get(), SHUT_WR);
  scene.start(scene.range(0, kMuch));
  turn(scene.reactor, 3);
  cr_expect(scene.calls == 0);
  Tail tail = Tail::more;
  cr_expect(scene.receive(tail) == text && tail == Tail::eof);
  cr_expect(scene.end() == End::whole);
}

Test(ftp_transfer, does_not_heed_what_the_peer_of_a_download_says) {
  Scene scene(SelectorKind::epoll, kNarrow);
  scene.directory.put("file", much());
  send_text(scene.pair.theirs.get(), "noise");
  scene.start(scene.range(0, kMuch));
  turn(scene.reactor, 3);
  Tail tail = Tail::more;
  cr_expect(scene.receive(tail).size() == kMuch);
  cr_expect(scene.end() == End::whole && scene.bytes_at_end == kMuch);
}

TestEachSelector(ftp_transfer, is_broken_by_a_reset_and_knows_how_far_it_came) {
  Scene scene(kind, kNarrow);
  scene.directory.put("file", much());
  scene.start(scene.range(0, kMuch));
  turn(scene.reactor, 3);
  const std::uint64_t before = scene.transfer->bytes();
  cr_expect(before > 0 && before < kMuch);
  reset_connection(scene.pair.theirs);
  cr_expect(scene.end() == End::broken && scene.outcome->error);
  cr_expect(scene.bytes_at_end >= before && scene.bytes_at_end < kMuch);
}

TestEachSelector(ftp_transfer, has_failed_when_the_file_became_shorter) {
  Scene scene(kind, kNarrow);
  scene.directory.put("file", much());
  scene.start(scene.range(0, kMuch));
  turn(scene.reactor, 2);
  cr_assert(::truncate(scene.directory.path("file").c_str(), kMuch / 2) == 0);
  Tail tail = Tail::more;
  const std::size_t received = scene.receive(tail).size();
  cr_expect(tail == Tail::reset, "a part must not look like the whole");
  cr_expect(scene.end() == End::failed && scene.outcome->error.code == EIO);
  cr_expect(scene.bytes_at_end == kMuch / 2 && received <= kMuch / 2);
}

Test(ftp_transfer, has_failed_when_the_file_cannot_be_read_at_all) {
  Scene scene;
  scene.directory.put("file", "0123456789");
  scene.start(scene.range(10, 5));  // as when it was cut before the data connection stood
  cr_expect(scene.end() == End::failed);
  cr_expect(scene.bytes_at_end == 0);
}

// --- bytes that are made -------------------------------------------------------------------------

TestEachSelector(ftp_transfer, sends_a_source_and_then_fin) {
  Scene scene(kind);
  scene.start(text_source("a listing\r\n"));
  cr_expect(!scene.transfer->size() && !scene.transfer->upload());
  cr_expect(scene.end() == End::whole && scene.bytes_at_end == 11);
  Tail tail = Tail::more;
  cr_expect(scene.receive(tail) == "a listing\r\n" && tail == Tail::eof);
}

TestEachSelector(ftp_transfer, a_long_source_arrives_whole_at_a_slow_reader) {
  Scene scene(kind, kNarrow);
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "line\n";
  scene.directory.put("file", text);
  scene.start(ascii_source(std::move(scene.range(0, 0).file)));
  Tail tail = Tail::more;
  const std::string got = scene.receive(tail);
  cr_expect(tail == Tail::eof && got.size() == 1'200'000 && got.ends_with("line\r\n"));
  cr_expect(scene.end() == End::whole && scene.bytes_at_end == 1'200'000);
}

Test(ftp_transfer, a_source_that_fails_ends_it_by_a_reset) {
  Scene scene;
  scene.start(std::make_unique<Broken>());
  cr_expect(scene.end() == End::failed && scene.outcome->error.code == EBADMSG);
  cr_expect(scene.bytes_at_end == 0);
  Tail tail = Tail::more;
  cr_expect(scene.receive(tail).empty() && tail == Tail::reset);
}

TestEachSelector(ftp_transfer, a_reset_breaks_a_source_and_tells_how_far_it_came) {
  Scene scene(kind, kNarrow);
  scene.start(text_source(std::string(kMuch / 4, 'x')));
  turn(scene.reactor, 3);
  const std::uint64_t before = scene.transfer->bytes();
  cr_expect(before > 0 && before < kMuch / 4);
  reset_connection(scene.pair.theirs);
  cr_expect(scene.end() == End::broken);
  cr_expect(scene.bytes_at_end >= before && scene.bytes_at_end < kMuch / 4);
}

// --- a file that comes in ------------------------------------------------------------------------

TestEachSelector(ftp_transfer, an_upload_is_whole_with_its_fin) {
  Scene scene(kind);
  scene.directory.put("old", "old");
  scene.start(scene.upload("/old"));
  cr_expect(scene.transfer->upload() && !scene.transfer->size());
  send_text(scene.pair.theirs.get(), "new content");
  cr_assert(run_until(scene.reactor, [&] { return scene.transfer->bytes() == 11; }));
  cr_expect(scene.calls == 0 && scene.directory.get("old") == "old");
  shutdown(scene.pair.theirs.get(), SHUT_WR);
  cr_expect(scene.end() == End::whole && !scene.outcome->error);
  cr_expect(scene.bytes_at_end == 11 && scene.directory.get("old") == "new content");
  Tail tail = Tail::more;
  cr_expect(scene.receive(tail).empty() && tail == Tail::eof);
}

Test(ftp_transfer, an_upload_is_on_the_disk_before_its_end_is_told) {
  Scene scene;
  scene.options.sync = true;
  scene.start(scene.upload("/new"));
  send_text(scene.pair.theirs.get(), "content");
  shutdown(scene.pair.theirs.get(), SHUT_WR);
  cr_expect(scene.end() == End::whole && scene.directory.get("new") == "content");
}

TestEachSelector(ftp_transfer, an_upload_that_resets_is_broken) {
  Scene scene(kind);
  scene.directory.put("old", "old");
  scene.start(scene.upload("/old"));
  send_text(scene.pair.theirs.get(), "half");
  cr_assert(run_until(scene.reactor, [&] { return scene.transfer->bytes() == 4; }));
  reset_connection(scene.pair.theirs);
  cr_expect(scene.end() == End::broken && scene.outcome->error.code == ECONNRESET);
  cr_expect(scene.bytes_at_end == 4);
  scene.transfer.reset();
  cr_expect(scene.directory.get("old") == "old");
  cr_expect(scene.directory.names() == std::set<std::string>{"old"});
}

Test(ftp_transfer, an_upload_of_which_nothing_came_is_an_empty_file) {
  Scene scene;
  scene.directory.put("old", "old");
  scene.start(scene.upload("/old"));
  shutdown(scene.pair.theirs.get(), SHUT_WR);
  cr_expect(scene.end() == End::whole && scene.bytes_at_end == 0);
  cr_expect(scene.directory.get("old").empty());
}

/// From now on no file of this process grows beyond three bytes: a disk that is full.
void fill_disk() {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{3, 3};
  cr_assert(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

Test(ftp_transfer, what_a_full_disk_cannot_take_is_taken_from_the_wire_all_the_same) {
  Scene scene;
  scene.start(scene.upload("/new"));
  fill_disk();
  send_text(scene.pair.theirs.get(), "123456");
  turn(scene.reactor, 3);
  cr_expect(!scene.outcome, "a client that sends still would lose the reply to a reset");
  send_text(scene.pair.theirs.get(), "789");
  shutdown(scene.pair.theirs.get(), SHUT_WR);
  cr_expect(scene.end() == End::failed && scene.outcome->error.code == EFBIG);
}

Test(ftp_transfer, a_full_disk_ends_a_very_long_upload_by_a_reset) {
  Scene scene;
  scene.start(scene.upload("/new"));
  fill_disk();
  const std::vector<std::byte> piece(1 << 16);
  std::uint64_t sent = 0;
  while (!scene.outcome) {
    const ssize_t size = ::send(scene.pair.theirs.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (size > 0) sent += static_cast<std::uint64_t>(size);
    turn(scene.reactor);
    cr_assert(sent < 2 * sluice::ftp::limits::kPassOverBytes);
  }
  cr_expect(sent > sluice::ftp::limits::kPassOverBytes);
  cr_expect(scene.end() == End::failed && scene.outcome->error.code == EFBIG);
  Tail tail = Tail::more;
  scene.receive(tail);
  cr_expect(tail == Tail::reset);
}

Test(ftp_transfer, an_upload_that_cannot_get_its_name_has_failed) {
  Scene scene;
  scene.directory.put("old", "old");
  scene.start(scene.upload("/old"));
  ::unlink(scene.directory.path("old").c_str());
  ::mkdir(scene.directory.path("old").c_str(), 0755);
  send_text(scene.pair.theirs.get(), "new");
  shutdown(scene.pair.theirs.get(), SHUT_WR);
  cr_expect(scene.end() == End::failed && scene.outcome->error.code == EISDIR);
  Tail tail = Tail::more;
  scene.receive(tail);
  cr_expect(tail == Tail::reset, "who sends it must not think that it arrived");
}

// --- the other ends ------------------------------------------------------------------------------

Test(ftp_transfer, is_broken_when_the_peer_does_nothing_for_too_long) {
  for (const bool up : {true, false}) {
    Scene scene(SelectorKind::epoll, kNarrow);
    scene.options.stream.idle_timeout = scene.options.stream.stall_timeout = 60s;
    scene.directory.put("file", much());
    if (up) {
      scene.start(scene.upload("/new"));
    } else {
      scene.start(scene.range(0, kMuch));
    }
    turn(scene.reactor, 5);
    scene.clock.advance(59s);
    turn(scene.reactor, 5);
    cr_expect(scene.calls == 0);
    scene.clock.advance(61s);
    cr_expect(scene.end() == End::broken && scene.outcome->error.code == ETIMEDOUT);
  }
}

TestEachSelector(ftp_transfer, aborted_it_resets_and_calls_nobody) {
  for (const int what : {0, 1, 2}) {
    Scene scene(kind, kNarrow);
    scene.directory.put("file", much());
    if (what == 0) scene.start(scene.range(0, kMuch));
    if (what == 1) scene.start(text_source(std::string(kMuch / 4, 'x')));
    if (what == 2) scene.start(scene.upload("/new"));
    turn(scene.reactor, 3);
    scene.transfer->abort();
    scene.transfer->abort();
    Tail tail = Tail::more;
    scene.receive(tail);
    cr_expect(tail == Tail::reset);
    turn(scene.reactor, 5);
    scene.clock.advance(1h);
    turn(scene.reactor, 5);
    cr_expect(scene.calls == 0);
  }
}

Test(ftp_transfer, may_be_aborted_before_it_begins) {
  Scene scene;
  Transfer transfer(scene.reactor, scene.options, text_source("text"),
                    [&](Outcome) { ++scene.calls; });
  cr_expect(transfer.bytes() == 0);
  transfer.abort();
  turn(scene.reactor, 3);
  cr_expect(scene.calls == 0);
}

TestEachSelector(ftp_transfer, may_be_retired_in_its_call) {
  for (const int what : {0, 1, 2}) {
    Scene scene(kind);
    scene.directory.put("file", "content");
    Transfer::Job job = FileRange{};
    if (what == 0) job = scene.range(0, 7);
    if (what == 1) job = text_source("content");
    if (what == 2) job = scene.upload("/new");
    int calls = 0;
    scene.transfer = std::make_unique<Transfer>(scene.reactor, scene.options, std::move(job),
                                                [&](Outcome outcome) {
                                                  ++calls;
                                                  cr_expect(outcome.end == End::whole);
                                                  scene.reactor.retire(std::move(scene.transfer));
                                                });
    scene.transfer->start(std::move(scene.pair.ours));
    shutdown(scene.pair.theirs.get(), SHUT_WR);
    cr_assert(run_until(scene.reactor, [&] { return calls == 1; }));
    turn(scene.reactor, 3);
    cr_expect(calls == 1 && !scene.transfer);
  }
}

Test(ftp_transfer, a_source_towards_a_peer_that_has_gone_has_sent_nothing) {
  Scene scene;
  reset_connection(scene.pair.theirs);
  scene.start(text_source(std::string(60'000, 'x')));
  cr_expect(scene.end() == End::broken && scene.bytes_at_end == 0);
}

Test(ftp_transfer, after_its_end_nothing_is_read_any_more) {
  Scene scene;
  scene.directory.put("file", std::string(1'000'000, 'x'));
  Fd file = std::move(scene.range(0, 0).file);
  const Fd copy(::dup(file.get()));
  scene.start(ascii_source(std::move(file)));
  scene.transfer->abort();
  const std::uint64_t bytes = scene.transfer->bytes();
  const off_t at = ::lseek(copy.get(), 0, SEEK_CUR);
  turn(scene.reactor, 3);
  cr_expect(scene.transfer->bytes() == bytes && ::lseek(copy.get(), 0, SEEK_CUR) == at);
}

Test(ftp_transfer, what_could_not_be_registered_has_sent_nothing) {
  Scene scene;
  scene.directory.put("file", "0123456789");
  scene.pair.ours.reset();
  scene.start(scene.range(0, 10));
  cr_expect(scene.end() == End::broken && scene.bytes_at_end == 0);
}
