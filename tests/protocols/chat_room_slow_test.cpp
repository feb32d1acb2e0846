#include "protocols/chat/room.h"

#include <criterion/criterion.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <map>
#include <random>
#include <string>

#include "protocols/chat/limits.h"
#include "tests/protocols/chat_room_scene.h"

using namespace chat_room_scene;
using namespace std::chrono_literals;

TestEachSelector(chat_room_slow, grows_its_ring_for_who_is_behind_and_loses_nothing_up_to_the_lag) {
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

TestEachSelector(chat_room_slow, tells_who_was_too_slow_how_many_lines_it_has_lost) {
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

TestEachSelector(chat_room_slow, disconnects_who_is_too_slow_if_told_so) {
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

Test(chat_room_slow, ends_the_line_it_is_in_before_it_tells_something_else) {
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

Test(chat_room_slow, says_what_is_lost_by_who_leaves_it_while_behind) {
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

Test(chat_room_slow, goes_on_when_readers_vanish_while_it_sweeps) {
  Fixture f;
  Guest &talker = f.guest_inside(), &last = f.guest_inside();
  for (int i = 0; i < 50; ++i) f.guest_inside(i % 2 ? kNarrow : PairOptions{});
  for (int i = 0; i < 200; ++i) {
    if (i % 4 == 0) reset_connection(f.guests[2 + static_cast<std::size_t>(i) / 4]->peer);
    f.say(talker, concat("line ", i, filler(500)));
    turn(f.reactor);
    last.read();
  }
  cr_assert(run_until(f.reactor, [&] {
    return last.read(), f.room.readers().size() == 2 && last.got.ends_with(last.due.back() + '\n');
  }));
  cr_expect(check_heard(last).lost == 0);
}

Test(chat_room_slow, lets_go_soon_who_is_disconnected_and_goes_on_taking_nothing) {
  Fixture f({.max_lag = 32'768, .disconnect_slow = true});
  f.stream_options.closing_stall = chat::limits::kClosingStall;
  Guest &talker = f.guest_inside(), &slow = f.guest_inside(kNarrow);
  for (int i = 0; i < 1000; ++i) {
    f.say(talker, concat("line ", i, filler(100)));
    if (i % 20 == 0) turn(f.reactor);
  }
  cr_assert(!slow.stream.open() && slow.reader.room() != nullptr);
  f.clock.advance(chat::limits::kClosingStall);
  turn(f.reactor, 2);
  cr_expect(slow.reader.room() == nullptr);
}

namespace {

/// How many bytes the kernel has taken to send, ever, and a constant.
std::uint64_t taken(int fd) {
  for (;;) {
    tcp_info before{}, after{};
    socklen_t size = sizeof before;
    int waiting = 0;
    cr_assert(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &before, &size) == 0);
    cr_assert(ioctl(fd, SIOCOUTQ, &waiting) == 0);
    cr_assert(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &after, &size) == 0);
    if (before.tcpi_bytes_acked == after.tcpi_bytes_acked) {
      return before.tcpi_bytes_acked + static_cast<unsigned>(waiting);
    }
  }
}

/// A reader in the middle of a line, and so much said that of the bytes before those it has still
/// to read as many as `before` are left in the ring.
Heard lap_within_a_line(std::size_t before) {
  constexpr std::size_t kRing = 65'536, kLine = 30'000;
  Fixture f({.max_lag = kRing});
  Guest &talker = f.guest_inside(), &slow = f.guest_inside(kNarrow);
  const std::uint64_t none = taken(slow.stream.fd());
  std::size_t head = 0, read = 0;
  const auto say = [&](std::size_t size) {
    f.say(talker, filler(size - 1));
    head += size;
  };
  while (read == head) {
    say(kLine);
    turn(f.reactor, 3);
    read = taken(slow.stream.fd()) - none;
  }
  cr_assert(read % kLine != 0);
  const std::size_t end = read + kRing - before;
  while (end - head > kLine) say(kLine / 2);
  say(end - head);
  slow.reader.tell("! 0\n");
  cr_assert(run_until(f.reactor, [&] {
    slow.read();
    return slow.stream.drained() && slow.got.ends_with('\n') && slow.lines().size() > 1;
  }));
  f.say(talker, "the end");
  cr_assert(run_until(f.reactor, [&] { return slow.read(), slow.got.ends_with("the end\n"); }));
  return check_heard(slow);
}

}  // namespace

Test(chat_room_slow, keeps_the_byte_before_what_is_still_to_be_read) {
  const Heard kept = lap_within_a_line(1);
  cr_expect(kept.lost == 0 && kept.told == 1);
  const Heard lapped = lap_within_a_line(0);
  cr_expect(lapped.lost > 0 && lapped.told == 1);
}

Test(chat_room_slow, gives_the_memory_of_a_burst_back) {
  Fixture f({.max_lag = 1 << 20});
  Guest &talker = f.guest_inside(), &slow = f.guest_inside(kNarrow), &quick = f.guest_inside();
  const auto rest = [&] {
    f.clock.advance(chat::limits::kRingRest);
    turn(f.reactor, 2);
    return f.room.memory();
  };
  for (int i = 0; i < 5000; ++i) {
    f.say(talker, concat("line ", i, filler(100)));
    if (i % 50 == 0) turn(f.reactor);
    quick.read();
  }
  const std::size_t grown = f.room.memory();
  cr_assert(grown > 256 * 1024);
  cr_expect(rest() == grown && rest() == grown, "somebody has still to read");
  const auto all_read = [&] {
    return run_until(f.reactor, [&] {
      slow.read();
      quick.read();
      return slow.got.ends_with(slow.due.back() + '\n') && quick.got.size() == slow.got.size();
    });
  };
  cr_assert(all_read());
  for (int i = 0; i < 10; ++i) f.say(talker, concat("on ", i, filler(990)));
  cr_assert(all_read());
  cr_expect(rest() == 65'536, "with room for what is said");
  cr_expect(rest() == chat::limits::kFirstRingBytes);
  f.say(talker, "the last");
  cr_assert(all_read());
  cr_expect(check_heard(slow).lost == 0);
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

Test(chat_room_slow, tells_everyone_the_truth_whatever_happens) {
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
