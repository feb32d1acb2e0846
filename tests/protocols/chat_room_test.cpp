#include "protocols/chat/room.h"

#include <criterion/criterion.h>
#include <sys/resource.h>

#include <string>

#include "protocols/chat/limits.h"
#include "tests/protocols/chat_room_scene.h"

using namespace chat_room_scene;
using namespace std::chrono_literals;

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

/// A watcher, and a pause in which nothing is told at once.
struct Pause : Fixture {
  Guest &watcher, &first;
  explicit Pause() : watcher(guest_inside()), first(guest_inside()) {
    room.rename(watcher.reader, "watcher");
    clock.advance(1s);
    turn(reactor, 2);
    room.rename(first.reader, "first");
  }
  std::string told() {
    clock.advance(chat::limits::kArrivalsPause);
    turn(reactor, 2);
    watcher.read();
    return watcher.got;
  }
  Guest& comes(std::string nick) {
    Guest& one = guest_inside();
    room.rename(one.reader, std::move(nick));
    return one;
  }
};

Test(chat_room, tells_of_who_came_by_the_nick_he_has_then) {
  Pause f;
  Guest& bob = f.comes("bob");
  f.room.rename(bob.reader, "rob");
  cr_expect(f.told() == "* first joined\n* rob joined\n");
}

Test(chat_room, tells_of_who_came_before_what_he_says) {
  Pause f;
  f.say(f.comes("bob"), "bob: hi");
  cr_expect(f.told() == "* first joined\n* bob joined\nbob: hi\n");
}

Test(chat_room, tells_of_who_came_and_went_in_that_order) {
  Pause f;
  f.room.leave(f.comes("bob").reader);
  cr_expect(f.told() == "* first joined\n* bob joined\n* bob left\n");
  f.watcher.got.clear();
  f.room.leave(f.first.reader);
  f.room.leave(f.comes("dan").reader);
  f.comes("carl");
  cr_expect(f.told() == "* first left\n* 2 joined\n* dan left\n");
}

Test(chat_room, tells_of_who_left_before_he_came_again) {
  Pause f;
  f.room.leave(f.first.reader);
  f.comes("first");
  cr_expect(f.told() == "* first joined\n* first left\n* first joined\n");
}

Test(chat_room, tells_of_who_left_before_another_takes_his_nick) {
  Pause f;
  f.room.leave(f.first.reader);
  f.room.rename(f.watcher.reader, "first");
  f.clock.advance(chat::limits::kArrivalsPause);
  Guest& later = f.comes("later");
  (void)later;
  cr_expect(f.told() == "* first joined\n* first left\n* later joined\n");
}

Test(chat_room, tells_more_seldom_who_came_the_more_there_are) {
  const rlimit many{3000, 3000};
  if (setrlimit(RLIMIT_NOFILE, &many) != 0) cr_skip_test("3,000 descriptors are not allowed here");
  Fixture f;
  Guest& watcher = f.guest_inside();
  for (int i = 0; i < 1000; ++i) {
    Guest& one = i == 0 ? watcher : f.guest_inside();
    f.room.rename(one.reader, concat("n", i, '_'));
  }
  f.clock.advance(500ms);
  turn(f.reactor, 2);
  watcher.read();
  watcher.got.clear();
  for (int i = 0; i < 8; ++i) {
    f.room.rename(f.guest_inside().reader, concat("late", i));
    f.clock.advance(255ms);
    turn(f.reactor, 2);
  }
  cr_expect(f.gets(watcher, "* 4 joined\n* 4 joined\n"));
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
