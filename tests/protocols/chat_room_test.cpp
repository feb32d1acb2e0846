#include "protocols/chat/room.h"

#include <criterion/criterion.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "protocols/chat/limits.h"
#include "reactor/log.h"
#include "reactor/text.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

/// Readers on real sockets, in rooms without the sessions above them.
using namespace sluice;
using namespace sluice::chat;
using namespace std::chrono_literals;

namespace {

constexpr PairOptions kNarrow{.our_send_buffer = 4096, .their_receive_buffer = 4096};

/// A reader, the socket at the other end, and what has to arrive there.
struct Guest final : StreamHandler {
  Guest(Reactor& reactor, Pair pair)
      : peer(std::move(pair.theirs)),
        stream(reactor, std::move(pair.ours), *this),
        reader(stream) {}
  ~Guest() override { go(); }

  void go() {
    if (reader.room()) reader.room()->leave(reader);
  }
  void on_data(Stream&, std::span<const std::byte>) noexcept override {}
  void on_drained(Stream&) noexcept override { reader.on_drained(); }
  void on_closed(Stream&, Error) noexcept override { go(); }

  void read() {
    if (tail == Tail::more) tail = read_some(peer.get(), got);
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (std::size_t at = 0; at < got.size();) {
      const std::size_t end = std::min(got.find('\n', at), got.size());
      all.push_back(got.substr(at, end - at));
      at = end + 1;
    }
    return all;
  }

  Fd peer;
  Stream stream;
  Reader reader;
  std::string got;
  Tail tail = Tail::more;
  std::vector<std::string> due;  // what others have said while it was there
};

struct Fixture {
  explicit Fixture(RoomOptions how = {}, SelectorKind kind = SelectorKind::epoll)
      : options(std::move(how)),
        reactor({.selector = kind, .clock = &clock}),
        room(reactor, "lobby", options) {
    set_log_level(LogLevel::error);
  }

  Guest& guest(PairOptions sizes = {}) {
    guests.push_back(std::make_unique<Guest>(reactor, tcp_pair(sizes)));
    return *guests.back();
  }
  Guest& guest_inside(PairOptions sizes = {}) {
    Guest& made = guest(sizes);
    room.enter(made.reader);
    return made;
  }

  void say(Guest& from, const std::string& text) {
    from.reader.room()->say(from.reader, text + '\n');
    for (const auto& other : guests) {
      if (other.get() != &from && other->reader.room() == from.reader.room()) {
        other->due.push_back(text);
      }
    }
  }

  /// Until that is all it has got.
  bool gets(Guest& guest, std::string_view all) {
    run_until(reactor, [&] { return guest.read(), guest.got.size() >= all.size(); });
    turn(reactor, 2);
    guest.read();
    if (guest.got != all) cr_log_error("got: %s", guest.got.c_str());
    return guest.got == all;
  }

  FakeClock clock;
  RoomOptions options;
  Reactor reactor;
  Room room;
  std::vector<std::unique_ptr<Guest>> guests;
};

constexpr std::string_view kLost = " lines lost";

/// How many lines "* N lines lost" tells of; 0 when it is another line.
std::size_t lost_in(const std::string& line) {
  if (!line.starts_with("* ") || !line.ends_with(kLost)) return 0;
  return parse_number<std::size_t>(line.substr(2, line.size() - 2 - kLost.size())).value_or(0);
}

struct Heard {
  std::size_t said = 0, lost = 0, told = 0, notices = 0;
};

/// Every line is the next one due, or tells exactly how many of those are left out; between them
/// lie notices, and what it alone was told, which is "! 0", "! 1" ….
Heard check_heard(const Guest& guest) {
  Heard heard;
  cr_expect(guest.got.empty() || guest.got.ends_with('\n'), "the last line is whole");
  for (const std::string& line : guest.lines()) {
    if (const std::size_t lost = lost_in(line)) {
      heard.lost += lost;
    } else if (line.starts_with("! ")) {
      cr_assert(line == concat("! ", heard.told++), "%s", line.c_str());
    } else if (line.starts_with("* ")) {
      ++heard.notices;
    } else {
      const std::size_t at = heard.said++ + heard.lost;
      cr_assert(at < guest.due.size(), "too much: %s", line.c_str());
      cr_assert(line == guest.due[at], "%s in place of %s", line.c_str(), guest.due[at].c_str());
    }
  }
  cr_expect(heard.said + heard.lost == guest.due.size(), "%zu and %zu lost of %zu", heard.said,
            heard.lost, guest.due.size());
  return heard;
}

std::string filler(std::size_t size) {
  return std::string(size, '.');
}

}  // namespace

// --- who hears what ------------------------------------------------------------------------------

TestEachSelector(chat_room, sends_what_is_said_to_all_but_who_said_it) {
  Fixture f({}, kind);
  Guest &a = f.guest_inside(), &b = f.guest_inside(), &c = f.guest_inside();
  f.say(a, "from a");
  f.say(b, "from b");
  f.say(a, "and again");
  f.say(a, "a last one");
  cr_expect(f.gets(a, "from b\n"));
  cr_expect(f.gets(b, "from a\nand again\na last one\n"));
  cr_expect(f.gets(c, "from a\nfrom b\nand again\na last one\n"));
}

TestEachSelector(chat_room, needs_one_send_for_all_that_is_said_in_a_turn) {
  Fixture f({}, kind);
  Guest &talker = f.guest_inside(), &listener = f.guest_inside();
  std::string all;
  for (int i = 0; i < 500; ++i) {
    f.say(talker, concat("line ", i));
    all += concat("line ", i, '\n');
  }
  listener.read();
  cr_expect(listener.got.empty(), "not before the end of the turn");
  turn(f.reactor);
  cr_expect(wait_for_bytes(listener.peer.get(), static_cast<int>(all.size())));
  cr_expect(f.gets(listener, all));
}

TestEachSelector(chat_room, brings_an_answer_behind_what_was_said_before_it) {
  Fixture f({}, kind);
  Guest &talker = f.guest_inside(), &listener = f.guest_inside();
  f.say(talker, "before");
  listener.reader.tell("* an answer\n");
  f.say(talker, "behind");
  cr_expect(f.gets(listener, "before\n* an answer\nbehind\n"));
}

TestEachSelector(chat_room, tells_nothing_to_who_has_left_and_what_was_said_until_then) {
  Fixture f({}, kind);
  Guest &talker = f.guest_inside(), &leaver = f.guest_inside();
  f.say(talker, "until then");
  f.room.leave(leaver.reader);
  f.say(talker, "later");
  cr_expect(f.gets(leaver, "until then\n"));
}

Test(chat_room, takes_a_line_as_long_as_its_ring_may_become) {
  Fixture f({.max_lag = 32'768});
  Guest &talker = f.guest_inside(), &listener = f.guest_inside();
  std::string all;
  for (const std::size_t size : {10UZ, 16'383UZ, 16'384UZ, 30'000UZ, 32'766UZ, 1UZ, 32'766UZ}) {
    f.say(talker, filler(size));
    all += filler(size) + '\n';
    cr_assert(f.gets(listener, all), "%zu", size);
  }
}

// --- nicks, notices, history ---------------------------------------------------------------------

Test(chat_room, tells_of_coming_and_going_only_those_with_a_nick) {
  Fixture f;
  Guest &nameless = f.guest_inside(), &ann = f.guest_inside(), &bob = f.guest_inside();
  f.room.rename(ann.reader, "ann");
  f.clock.advance(1s);
  turn(f.reactor, 2);
  f.room.rename(bob.reader, "bob");
  f.room.rename(bob.reader, "rob");
  f.clock.advance(1s);
  turn(f.reactor, 2);
  f.room.leave(bob.reader);
  cr_expect(f.gets(ann, "* bob joined\n* bob is now rob\n* rob left\n"));
  cr_expect(f.gets(bob, ""), "not what is about oneself");
  cr_expect(f.gets(nameless, ""));
}

Test(chat_room, counts_those_that_come_soon_after_another) {
  Fixture f;
  Guest& watcher = f.guest_inside();
  f.room.rename(watcher.reader, "watcher");
  f.clock.advance(1s);
  turn(f.reactor, 2);
  std::vector<Guest*> crowd;
  for (int i = 0; i < 200; ++i) {
    crowd.push_back(&f.guest());
    f.room.enter(crowd.back()->reader);
    f.room.rename(crowd.back()->reader, concat("g", i));
    turn(f.reactor);
  }
  std::string all = "* g0 joined\n";
  cr_expect(f.gets(watcher, all));
  f.clock.advance(chat::limits::kArrivalsPause);
  cr_expect(f.gets(watcher, all += "* 199 joined\n"));
  for (Guest* one : crowd) f.room.leave(one->reader);
  f.clock.advance(chat::limits::kArrivalsPause);
  cr_expect(f.gets(watcher, all += "* 200 left\n"));
  f.room.enter(crowd[7]->reader);
  f.clock.advance(chat::limits::kArrivalsPause);
  cr_expect(f.gets(watcher, all += "* g7 joined\n"), "one alone is named");
  f.clock.advance(chat::limits::kArrivalsPause);
  turn(f.reactor, 2);
  f.room.leave(crowd[7]->reader);
  cr_expect(f.gets(watcher, all += "* g7 left\n"), "after a pause at once");
}

Test(chat_room, replays_its_last_lines_to_who_comes_with_a_nick) {
  Fixture f({.history_lines = 3});
  Guest& talker = f.guest_inside();
  for (int i = 0; i < 5; ++i) f.say(talker, concat("line ", i));
  Guest& nameless = f.guest_inside();
  Guest& late = f.guest();
  Room elsewhere(f.reactor, "elsewhere", f.options);
  elsewhere.enter(late.reader);
  elsewhere.rename(late.reader, "late");
  elsewhere.leave(late.reader);
  f.room.enter(late.reader);
  cr_expect(f.gets(late, "line 2\nline 3\nline 4\n"));
  cr_expect(f.gets(nameless, ""));
}

Test(chat_room, replays_nothing_twice) {
  Fixture f({.history_lines = 4});
  Guest& talker = f.guest_inside();
  f.say(talker, "one");
  f.say(talker, "two");
  Guest& listener = f.guest_inside();
  f.say(talker, "three");
  f.say(listener, "its own");
  f.room.rename(listener.reader, "ann");
  f.room.rename(listener.reader, "bea");
  f.say(talker, "four");
  cr_expect(f.gets(listener, "three\none\ntwo\nfour\n"));
}

Test(chat_room, replays_no_line_that_the_ring_has_lost_and_not_too_much) {
  Fixture f({.history_lines = 1000, .max_lag = 16'384});
  Guest& talker = f.guest_inside();
  for (int i = 0; i < 1000; ++i) f.say(talker, concat("line ", i, filler(90)));
  Guest& late = f.guest_inside();
  f.room.rename(late.reader, "late");
  turn(f.reactor, 2);
  wait_for(late.peer.get(), POLLIN);
  late.read();
  cr_expect(late.got.size() > 10'000 && late.got.size() <= chat::limits::kReplayBytes);
  cr_expect(late.got.starts_with("line ") && late.got.ends_with('\n'));
  std::size_t number = 1000 - late.lines().size();
  for (const std::string& line : late.lines())
    cr_expect(line == concat("line ", number++, filler(90)));
}

// --- slow readers --------------------------------------------------------------------------------

TestEachSelector(chat_room, grows_its_ring_for_who_is_behind_and_loses_nothing_up_to_the_lag) {
  Fixture f({.max_lag = 1 << 20}, kind);
  Guest &talker = f.guest_inside(), &slow = f.guest_inside(kNarrow);
  for (int i = 0; i < 7000; ++i) {
    f.say(talker, concat("line ", i, filler(100)));
    if (i % 50 == 0) turn(f.reactor);
  }
  cr_assert(run_until(f.reactor, [&] {
    slow.read();
    return slow.got.find("line 6999") != slow.got.npos && slow.got.ends_with('\n');
  }));
  cr_expect(check_heard(slow).lost == 0);
}

TestEachSelector(chat_room, tells_who_was_too_slow_how_many_lines_it_has_lost) {
  Fixture f({.max_lag = 32'768}, kind);
  Guest &talker = f.guest_inside(), &slow = f.guest_inside(kNarrow), &quick = f.guest_inside();
  for (int i = 0; i < 5000; ++i) {
    f.say(talker, concat("line ", i, filler(static_cast<std::size_t>(i * 37 % 150))));
    if (i % 20 == 0) turn(f.reactor);
    quick.read();
  }
  cr_assert(run_until(f.reactor, [&] {
    slow.read();
    quick.read();
    return slow.got.find("line 4999") != slow.got.npos && slow.got.ends_with('\n') &&
           quick.got.ends_with(slow.due.back() + '\n');
  }));
  const Heard heard = check_heard(slow);
  cr_expect(heard.lost > 1000 && heard.said > 10, "%zu %zu", heard.said, heard.lost);
  cr_expect(check_heard(quick).lost == 0);
}

TestEachSelector(chat_room, disconnects_who_is_too_slow_if_told_so) {
  Fixture f({.max_lag = 32'768, .disconnect_slow = true}, kind);
  Guest &talker = f.guest_inside(), &slow = f.guest_inside(kNarrow), &quick = f.guest_inside();
  for (int i = 0; i < 5000; ++i) {
    f.say(talker, concat("line ", i, filler(100)));
    if (i % 20 == 0) turn(f.reactor);
    quick.read();
  }
  cr_assert(run_until(f.reactor, [&] {
    slow.read();
    quick.read();
    return slow.tail == Tail::eof && quick.got.ends_with(quick.due.back() + '\n');
  }));
  constexpr std::string_view kWord = "* you are too slow: disconnected\n";
  cr_assert(slow.got.ends_with(kWord));
  slow.got.resize(slow.got.size() - kWord.size());
  slow.due.resize(slow.lines().size());
  cr_expect(check_heard(slow).said > 10);
  slow.peer.reset();
  cr_expect(run_until(f.reactor, [&] { return slow.reader.room() == nullptr; }));
  cr_expect(check_heard(quick).lost == 0);
}

Test(chat_room, ends_the_line_it_is_in_before_it_tells_something_else) {
  Fixture f({.max_lag = 32'768});
  Guest &talker = f.guest_inside(), &slow = f.guest_inside(kNarrow);
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 30; ++i) f.say(talker, concat(round, ' ', i, filler(777)));
    turn(f.reactor);
    slow.reader.tell(concat("! ", round, '\n'));
  }
  cr_assert(run_until(f.reactor, [&] {
    slow.read();
    return slow.stream.drained() && slow.got.ends_with(slow.due.back() + '\n');
  }));
  cr_expect(check_heard(slow).told == 50);
}

Test(chat_room, says_what_is_lost_by_who_leaves_it_while_behind) {
  Fixture f({.max_lag = 65'536});
  Room other(f.reactor, "other", f.options);
  Guest &talker = f.guest_inside(), &slow = f.guest_inside(kNarrow);
  for (int i = 0; i < 300; ++i) f.say(talker, concat("line ", i, filler(100)));
  turn(f.reactor);
  f.room.leave(slow.reader);
  other.enter(slow.reader);
  f.say(talker, "not for it");
  slow.reader.tell("! 0\n");
  cr_assert(run_until(f.reactor, [&] { return slow.read(), slow.got.ends_with("! 0\n"); }));
  cr_expect(check_heard(slow).lost > 0);
  slow.go();
}

Test(chat_room, goes_on_when_readers_vanish_while_it_sweeps) {
  Fixture f;
  Guest &talker = f.guest_inside(), &last = f.guest_inside();
  for (int i = 0; i < 50; ++i) f.guest_inside(i % 2 ? kNarrow : PairOptions{});
  for (int i = 0; i < 200; ++i) {
    if (i % 4 == 0) reset_connection(f.guests[static_cast<std::size_t>(2 + i / 4)]->peer);
    f.say(talker, concat("line ", i, filler(500)));
    turn(f.reactor);
    last.read();
  }
  cr_assert(run_until(f.reactor, [&] {
    return last.read(), f.room.readers().size() == 2 && last.got.ends_with(last.due.back() + '\n');
  }));
  cr_expect(check_heard(last).lost == 0);
}

// --- anything in any order -----------------------------------------------------------------------

namespace {

/// Two rooms and a dozen guests that do at random what guests do. The first six read all the time,
/// on wide sockets, the others now and then; the even ones never have a nick.
struct Turmoil : Fixture {
  explicit Turmoil(unsigned seed) : Fixture({.max_lag = 32'768}), random(seed) {
    for (int i = 0; i < 12; ++i) {
      Guest& made = guest(keeps_up(i) ? PairOptions{} : kNarrow);
      (i % 3 == 0 ? other : room).enter(made.reader);
    }
  }
  ~Turmoil() { guests.clear(); }

  static bool keeps_up(int index) { return index < 6; }
  std::size_t below(std::size_t bound) { return random() % bound; }

  void step() {
    const auto index = static_cast<int>(below(guests.size()));
    Guest& one = *guests[static_cast<std::size_t>(index)];
    switch (below(40)) {
      case 0:
        return move(one);
      case 1:
        if (index % 2) one.reader.room()->rename(one.reader, concat("n", said++, "_", index));
        return;
      case 2:
        return one.reader.tell(concat("! ", told[index]++, '\n'));
      case 3:
        reads[index] = !reads[index];
        return;
      case 4:
        clock.advance(100ms);
        return;
      case 5:
      case 6:
      case 7:
        return look();
      default:
        return say(one, concat(index, " says ", said++, filler(below(200))));
    }
  }

  /// Without history, which `due` does not know: only a nick gets it.
  void move(Guest& one) {
    Room& from = *one.reader.room();
    from.leave(one.reader);
    (&from == &room ? other : room).enter(one.reader);
  }

  void look() {
    turn(reactor);
    for (int i = 0; i < 12; ++i) {
      if (keeps_up(i) || reads[i]) guests[static_cast<std::size_t>(i)]->read();
    }
  }

  std::mt19937 random;
  Room other{reactor, "other", options};
  int said = 0;
  std::map<int, int> told;
  std::map<int, bool> reads;
};

}  // namespace

Test(chat_room, tells_everyone_the_truth_whatever_happens) {
  std::size_t lost = 0, notices = 0;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    Turmoil t(seed);
    t.options.history_lines = 0;
    for (int i = 0; i < 6000; ++i) t.step();
    for (const auto& guest : t.guests) guest->reader.tell("* the end\n");
    cr_assert(run_until(t.reactor,
                        [&] {
                          bool all = true;
                          for (const auto& guest : t.guests) {
                            guest->read();
                            // An answer may overtake what the socket had no room for.
                            std::size_t heard = 0;
                            if (guest->got.ends_with('\n') &&
                                guest->got.find("* the end\n") != std::string::npos) {
                              for (const std::string& line : guest->lines()) {
                                heard += std::max<std::size_t>(
                                    lost_in(line),
                                    !line.starts_with("* ") && !line.starts_with("! "));
                              }
                            }
                            all = all && heard >= guest->due.size();
                          }
                          return all;
                        }),
              "seed %u", seed);
    for (int i = 0; i < 12; ++i) {
      const Guest& guest = *t.guests[static_cast<std::size_t>(i)];
      if (i % 2 == 0 || Turmoil::keeps_up(i)) {
        const Heard heard = check_heard(guest);
        if (Turmoil::keeps_up(i)) cr_expect(heard.lost == 0, "seed %u, guest %d", seed, i);
        if (i % 2 == 0) cr_expect(heard.notices == 1, "a guest without a nick was told");
        lost += heard.lost;
        notices += heard.notices;
      }
    }
  }
  cr_expect(lost > 1000 && notices > 100, "%zu lost, %zu notices", lost, notices);
}
