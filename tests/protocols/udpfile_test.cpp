#include <criterion/criterion.h>

#include <fcntl.h>

#include "protocols/udpfile/pacer.h"
#include "protocols/udpfile/receiver.h"
#include "protocols/udpfile/sender.h"
#include "reactor/text.h"
#include "tests/protocols/temp_directory.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/udp.h"

using namespace sluice;
using namespace std::chrono_literals;
using udpfile::Receiver;
using udpfile::Sender;

namespace {

std::string hex_of(std::string_view text) {
  files::Sha256 hash;
  hash.update(as_bytes(text));
  return files::to_hex(hash.finish());
}

/// A receiver on a clock that the test turns, and what it told.
struct ReceiverFixture final : udpfile::ReceiverHandler {
  explicit ReceiverFixture(Receiver::Options options = {}, SelectorKind kind = SelectorKind::epoll)
      : reactor({.selector = kind, .custom = nullptr, .clock = &clock}),
        directory(*files::Directory::open(folder.path())),
        receiver(reactor, *this, directory, at_loopback(std::move(options))) {
    cr_assert(receiver.open());
  }
  static Receiver::Options at_loopback(Receiver::Options options) {
    options.address = Address::loopback_v4(0);
    return options;
  }

  void on_file(const udpfile::Outcome& outcome) noexcept override { ended.push_back(outcome); }
  void on_refused(const Address&, std::string_view name, std::string_view why) noexcept override {
    refused.push_back(concat(name, ": ", why));
  }

  UdpPeer peer() const { return UdpPeer(receiver.address()); }
  /// A sender whose name was answered.
  UdpPeer begin(std::string_view name) {
    UdpPeer sender = peer();
    sender.send(name);
    take_all();
    cr_assert(sender.receive() == "OK");
    return sender;
  }
  /// What was sent is there already, on loopback; so a few turns take it.
  void take_all() { turn(reactor, 12); }
  const udpfile::Outcome& only_file() {
    cr_assert(ended.size() == 1, "%zu", ended.size());
    return ended[0];
  }

  FakeClock clock;
  Reactor reactor;
  TempDirectory folder;
  files::Directory directory;
  Receiver receiver;
  std::vector<udpfile::Outcome> ended;
  std::vector<std::string> refused;
};

struct SenderFixture {
  SenderFixture()
      : reactor({.selector = SelectorKind::epoll, .custom = nullptr, .clock = &clock}) {}

  void start(std::string_view contents, Sender::Options options = {}) {
    folder.put("source", contents);
    options.peer = peer.address();
    if (options.name.empty()) options.name = "name";
    sender.emplace(reactor, Fd(::open(folder.path("source").c_str(), O_RDONLY | O_CLOEXEC)),
                   std::move(options));
    cr_assert(sender->start([this] { ended = true; }));
    cr_assert(peer.receive() == sender_name());
  }
  std::string sender_name() const { return "name"; }
  void say(std::string_view text) { peer.send(text, peer.from()); }
  /// Turns the hands by `step` until the state is reached.
  bool reach(Sender::State state, Duration step = 1ms) {
    return run_until(reactor, [&] {
      clock.advance(step);
      return sender->state() == state;
    });
  }

  FakeClock clock;
  Reactor reactor;
  TempDirectory folder;
  UdpPeer peer;
  std::optional<Sender> sender;
  bool ended = false;
};

}  // namespace

TestEachSelector(udpfile_receiver, stores_what_comes_until_the_end) {
  ReceiverFixture f({}, kind);
  const UdpPeer sender = f.begin("name");
  const std::string binary("\0\xff binary\r\n", 11);
  sender.send(binary);
  sender.send(binary);
  f.take_all();
  cr_expect(f.ended.empty());
  cr_expect(!f.folder.names().contains("name"));
  sender.send("");
  f.take_all();
  const auto& file = f.only_file();
  cr_expect(file.end_seen && file.saved && file.looks_whole && !file.error);
  cr_expect(file.bytes == 22 && file.datagrams == 2 && file.renamed == 0);
  cr_expect(files::to_hex(file.digest) == hex_of(binary + binary));
  cr_expect(f.folder.get("name") == binary + binary);
}

Test(udpfile_receiver, ends_by_silence_and_says_that_it_saw_no_end) {
  ReceiverFixture f;
  const UdpPeer sender = f.begin("name");
  for (int i = 0; i < 5; ++i) {  // each datagram counts as a sign of life
    f.clock.advance(1900ms);
    sender.send("x");
    f.take_all();
  }
  cr_expect(f.ended.empty());
  f.clock.advance(2s);
  f.take_all();
  const auto& file = f.only_file();
  cr_expect(!file.end_seen && file.saved && !file.looks_whole);
  cr_expect(f.folder.get("name") == "xxxxx");
}

Test(udpfile_receiver, hears_nobody_else_meanwhile) {
  ReceiverFixture f;
  const UdpPeer sender = f.begin("name");
  const UdpPeer stranger = f.peer();
  sender.send("a");
  for (const char* text : {"spoofed", "name", "other", ""}) stranger.send(text);
  sender.send("b");
  sender.send("");
  f.take_all();
  cr_expect(f.only_file().bytes == 2);
  cr_expect(f.folder.get("name") == "ab");
  cr_expect(stranger.is_silent());
  cr_expect(f.folder.names() == std::set<std::string>{"name"});
}

Test(udpfile_receiver, does_not_let_strangers_keep_a_dead_file_alive) {
  ReceiverFixture f;
  const UdpPeer sender = f.begin("name");
  const UdpPeer stranger = f.peer();
  f.clock.advance(1500ms);
  stranger.send("x");
  f.take_all();
  f.clock.advance(600ms);
  f.take_all();
  cr_expect(f.ended.size() == 1);
}

Test(udpfile_receiver, answers_a_repeated_name_again) {
  ReceiverFixture f;
  UdpPeer sender = f.begin("name");
  sender.send("name");
  f.take_all();
  cr_expect(sender.receive() == "OK");
  sender.send("");
  f.take_all();
  cr_expect(f.only_file().renamed == 1 && f.only_file().bytes == 0);
}

Test(udpfile_receiver, refuses_bad_names_once_for_each_sender_and_stays) {
  ReceiverFixture f;
  f.folder.put("there", "old");
  const std::string too_long(256, 'n');
  const std::string_view names[] = {"../up", "/etc/passwd", "..",     ".hidden",
                                    "there", "a\nb",        too_long, std::string_view("n\0", 2)};
  for (const std::string_view name : names) {
    const UdpPeer sender = f.peer();
    sender.send(name);
    sender.send(name);
    f.take_all();
    cr_expect(sender.is_silent(), "%s", std::string(name).c_str());
  }
  f.peer().send("");  // no name at all
  f.take_all();
  cr_expect(f.refused.size() == 8, "%zu", f.refused.size());
  cr_expect(f.folder.names() == std::set<std::string>{"there"});
  (void)f.begin("good");
}

Test(udpfile_receiver, replaces_and_takes_hidden_names_when_told) {
  ReceiverFixture f({.address = {}, .replace = true, .hidden = true, .expected = {}});
  f.folder.put(".rc", "old");
  const UdpPeer sender = f.begin(".rc");
  sender.send("new");
  sender.send("");
  f.take_all();
  cr_expect(f.folder.get(".rc") == "new");
}

Test(udpfile_receiver, saves_nothing_that_has_not_the_expected_size) {
  for (const std::string_view contents : {"", "12", "1234", "12345678"}) {
    ReceiverFixture f({.address = {}, .expected = 3});
    const UdpPeer sender = f.begin("name");
    if (!contents.empty()) sender.send(contents);
    sender.send("");
    f.take_all();
    cr_expect(!f.only_file().saved && !f.only_file().looks_whole && !f.only_file().error);
    cr_expect(f.folder.names().empty());
  }
}

Test(udpfile_receiver, takes_silence_after_the_expected_bytes_for_the_end) {
  ReceiverFixture f({.address = {}, .expected = 3});
  f.begin("name").send("123");
  f.take_all();
  f.clock.advance(2s);
  f.take_all();
  cr_expect(f.only_file().saved && f.only_file().looks_whole && !f.only_file().end_seen);
}

Test(udpfile_receiver, takes_nothing_late_for_a_name) {
  ReceiverFixture f;
  const UdpPeer sender = f.begin("first");
  sender.send("");
  sender.send("late");
  sender.send("");
  f.take_all();
  cr_expect(f.ended.size() == 1);
  cr_expect(!f.receiver.receiving() && f.refused.empty());
  f.clock.advance(2s);
  sender.send("second");  // the same program sends another file
  f.take_all();
  cr_expect(f.receiver.receiving() && f.receiver.name() == "second");
}

Test(udpfile_receiver, after_a_silence_waits_for_another_before_it_takes_a_name) {
  ReceiverFixture f;
  const UdpPeer sender = f.begin("first");
  f.clock.advance(2s);
  f.take_all();
  for (int i = 0; i < 4; ++i) {  // it was only held up, and goes on
    f.clock.advance(1s);
    sender.send("contents");
    f.take_all();
  }
  cr_expect(f.ended.size() == 1 && !f.receiver.receiving());
  (void)f.begin("of-another");
}

Test(udpfile_receiver, leaves_nothing_when_closed) {
  ReceiverFixture f;
  f.begin("name").send("half");
  f.take_all();
  cr_expect(f.folder.names().size() == 1);
  f.receiver.close();
  cr_expect(f.folder.names().empty());
}

Test(udpfile_sender, sends_name_contents_and_three_ends) {
  SenderFixture f;
  const std::string contents(2500, 'c');
  f.start(contents);
  cr_expect(f.peer.is_silent());
  f.say("OK");
  cr_assert(f.reach(Sender::State::done));
  cr_expect(f.peer.receive() == contents.substr(0, 1024));
  cr_expect(f.peer.receive() == contents.substr(0, 1024));
  cr_expect(f.peer.receive() == contents.substr(0, 452));
  for (int i = 0; i < 3; ++i) cr_expect(f.peer.receive() == "");
  cr_expect(f.peer.is_silent());
  cr_expect(f.ended);
  cr_expect(f.sender->bytes() == 2500 && f.sender->datagrams() == 3);
  cr_expect(files::to_hex(f.sender->digest()) == hex_of(contents));
}

Test(udpfile_sender, repeats_the_name_and_gives_up) {
  SenderFixture f;
  f.start("x", {.peer = {}, .name = {}, .patience = 1s, .tries = 3});
  cr_assert(f.reach(Sender::State::failed, 100ms));
  cr_expect(f.peer.receive() == "name");
  cr_expect(f.peer.receive() == "name");
  cr_expect(f.peer.is_silent());
  cr_expect(f.sender->failure() == Sender::Failure::unanswered);
}

Test(udpfile_sender, hears_only_its_peer_and_only_ok) {
  SenderFixture f;
  f.start("x");
  UdpPeer().send("OK", f.peer.from());
  f.say("KO");
  f.say("");
  turn(f.reactor, 10);
  cr_expect(f.sender->state() == Sender::State::naming);
  f.say("OK\n");
  cr_assert(f.reach(Sender::State::done));
  f.say("OK");
  turn(f.reactor, 3);
}

Test(udpfile_sender, splits_contents_that_read_like_the_name) {
  SenderFixture f;
  f.start("name");
  f.say("OK");
  cr_assert(f.reach(Sender::State::done));
  cr_expect(f.peer.receive() == "n");
  cr_expect(f.peer.receive() == "ame");
  cr_expect(f.peer.receive() == "");
}

Test(udpfile_sender, tells_nobody_there_from_a_receiver_that_went) {
  SenderFixture refused;
  refused.folder.put("source", "x");
  const Address gone = UdpPeer().address();
  refused.sender.emplace(refused.reactor,
                         Fd(::open(refused.folder.path("source").c_str(), O_RDONLY | O_CLOEXEC)),
                         Sender::Options{.peer = gone, .name = "name"});
  cr_assert(refused.sender->start([] {}));
  cr_assert(refused.reach(Sender::State::failed));
  cr_expect(refused.sender->failure() == Sender::Failure::refused);

  SenderFixture f;
  f.start(std::string(100'000, 'x'), {.peer = {}, .name = {}, .rate = 10'000});
  f.say("OK");
  turn(f.reactor, 3);
  f.peer.close();
  cr_assert(f.reach(Sender::State::failed, 50ms));
  cr_expect(f.sender->failure() == Sender::Failure::gone);
}

Test(udpfile_sender, does_not_mind_a_receiver_that_goes_at_the_first_end) {
  SenderFixture f;
  f.start("x");
  f.say("OK");
  cr_assert(run_until(f.reactor, [&] {
    f.clock.advance(1ms);
    return !f.peer.is_silent();
  }));
  cr_expect(f.peer.receive() == "x");
  cr_assert(run_until(f.reactor, [&] {
    f.clock.advance(1ms);
    return !f.peer.is_silent();
  }));
  cr_expect(f.peer.receive() == "");
  f.peer.close();
  cr_assert(f.reach(Sender::State::done));
}

Test(udpfile_pacer, keeps_the_rate_and_saves_no_more_than_its_depth) {
  TimePoint now{1h};
  udpfile::Pacer pacer(1'000'000, 5ms, 1024, now);  // 5,000 bytes at once
  const auto take_all = [&] {
    std::size_t taken = 0;
    while (pacer.take(100, now)) taken += 100;
    return taken;
  };
  cr_expect(take_all() == 5000);
  cr_expect(pacer.wait(100, now) == 100us);
  now += 1ms;
  cr_expect(take_all() == 1000);
  now += 10s;
  cr_expect(take_all() == 5000);
  std::size_t total = 0;
  for (int i = 0; i < 1000; ++i) {
    now += 1ms;
    total += take_all();
  }
  cr_expect(total == 1'000'000);
}

Test(udpfile_pacer, has_room_for_the_largest_however_slow) {
  const TimePoint now{1h};
  udpfile::Pacer pacer(100, 5ms, 2048, now);
  cr_expect(pacer.take(1024, now));
  cr_expect(pacer.take(1024, now));
  cr_expect(!pacer.take(1024, now));
  cr_expect(pacer.wait(1024, now) == 10'240ms);
}
