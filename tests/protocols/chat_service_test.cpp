#include "protocols/chat/chat_service.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <string>
#include <vector>

#include "protocols/chat/command.h"
#include "tests/protocols/chat_service_scene.h"

using namespace chat_service_scene;
using namespace std::chrono_literals;

// --- messages ------------------------------------------------------------------------------------

TestEachSelector(chat_service, takes_lines_with_either_end_and_messages_without) {
  Fixture f({}, kind);
  Client &a = f.client(), &b = f.client();
  a.send("one\ntwo\r\n\r\nthree");
  cr_expect(f.gets(b, "one\ntwo\n"));
  f.clock.advance(49ms);
  cr_expect(f.gets(b, "one\ntwo\n"));
  f.clock.advance(1ms);
  cr_expect(f.gets(b, "one\ntwo\nthree\n"));
  cr_expect(f.gets(a, ""));
}

TestEachSelector(chat_service, puts_together_what_packets_have_cut) {
  Fixture f({}, kind);
  Client &a = f.client(), &b = f.client();
  std::uint64_t sent = 0;
  for (const std::string_view part : {"\xed\x99", "\x8d", "\xea\xb8", "\xb8 hi", "\r", "\n"}) {
    a.send(part);
    cr_assert(f.hears(sent += part.size()));
    f.clock.advance(20ms);
  }
  cr_expect(f.gets(b, "홍길 hi\n"));
}

TestEachSelector(chat_service, does_not_take_a_busy_turn_of_its_own_for_a_gap) {
  Fixture f({}, kind);
  Client &a = f.client(), &b = f.client();
  a.send("one ");
  const Pair pair = tcp_pair();
  send_text(pair.theirs.get(), "x");
  Watch busy = *f.reactor.on_readable(pair.ours.get(), [&] {
    if (f.service.counters().bytes_in == 0) return;
    a.send("line");
    f.clock.advance(60ms);
    busy = {};
  });
  cr_assert(f.hears(8));
  f.clock.advance(60ms);
  cr_expect(f.gets(b, "one line\n"));
}

TestEachSelector(chat_service, hears_what_comes_before_a_clients_end) {
  Fixture f({}, kind);
  Client &a = f.client(), &b = f.client();
  a.send("a line\nand no line");
  shutdown(a.fd.get(), SHUT_WR);
  cr_expect(f.gets(b, "a line\nand no line\n"));
  cr_expect(f.ends(a));
}

TestEachSelector(chat_service, cuts_a_line_that_is_too_long_between_characters) {
  Fixture f({.line = 100}, kind);
  Client &a = f.client(), &b = f.client();
  std::string text;
  for (int i = 0; i < 80; ++i) text += "홍";
  a.send(text + "\n");
  cr_expect(f.gets(
      b, concat(text.substr(0, 99), '\n', text.substr(99, 99), '\n', text.substr(198), '\n')));
}

TestEachSelector(chat_service, takes_a_message_of_what_is_not_utf8_at_the_longest_line) {
  Fixture f({.line = 65'536, .rooms = {.max_lag = 65'536}}, kind);
  Client &a = f.client(), &b = f.client();
  const std::string line(65'536, '\xfe');
  const auto send_all = [&](std::string_view rest) {
    return run_until(f.reactor, [&] {
      const ssize_t sent = send(a.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent > 0) rest.remove_prefix(static_cast<std::size_t>(sent));
      return rest.empty();
    });
  };
  cr_assert(send_all(line + '\n'));
  cr_assert(send_all(line + '\n'));
  cr_assert(run_until(f.reactor, [&] { return b.read(), b.got.size() >= 2 * (3 * 65'536 + 1); }));
  cr_expect(std::ranges::count(b.got, '\n') == 2 && b.got.starts_with("\uFFFD\uFFFD"));
}

Test(chat_service, lets_no_sequence_for_terminals_pass_anywhere) {
  Fixture f;
  Client& ann = f.named("ann");
  Client& b = f.client();
  b.send(
      "\x1b[2Jred \x1b]0;title\a\xc2\x9b"
      "31m\x07text\x7f\xe2\x80\xae\n");
  cr_expect(f.gets(ann, "red 31mtext\n"));
  b.send("/nick \x1b[31mbob\x1b[0m\n/join \x1b]52;c;x\aden\n");
  cr_expect(f.gets(b, "* you are now bob\n* you are in den, with 0 others\n"));
  b.got.clear();
  b.send("/nosuch\x1b[5m\n");
  cr_expect(f.gets(b, "* there is no /nosuch (see /help)\n"));
}

Test(chat_service, stands_telnet_beside_a_lecture_client_and_ours) {
  Fixture f;
  Client &telnet = f.client(), &lecture = f.client();
  Client& ours = f.named("ann");
  telnet.send(
      "\xff\xfb\x18\xff\xfd\x03\xff\xfa\x18\x01\xff\xf0"
      "from telnet\r\n");
  cr_expect(f.gets(ours, "from telnet\n"));
  lecture.send("Kim: hello");
  run_until(f.reactor, [&] {
    f.clock.advance(10ms);
    return ours.read(), ours.got.size() > 20;
  });
  cr_expect(f.gets(ours, "from telnet\nKim: hello\n"));
  ours.send("hi all\n");
  cr_expect(f.gets(lecture, "from telnet\nann: hi all\n"));
  cr_expect(f.gets(telnet, "Kim: hello\nann: hi all\n"));
}

// --- bounds --------------------------------------------------------------------------------------

TestEachSelector(chat_service, lets_a_paste_pass_and_what_is_more_later) {
  Fixture f({.rate = 10, .burst = 50}, kind);
  Client &a = f.client(), &b = f.client(), &c = f.client();
  a.send(numbered(0, 99) + "no newline");
  cr_expect(f.gets(b, numbered(0, 49)));
  c.send("not delayed\n");
  cr_expect(f.gets(b, numbered(0, 49) + "not delayed\n"));
  b.got.clear();
  f.clock.advance(100ms);
  cr_expect(f.gets(b, numbered(50, 50)));
  for (int i = 0; i < 49; ++i) {
    f.clock.advance(100ms);
    f.settle();
  }
  cr_expect(f.gets(b, numbered(50, 99)));
  f.clock.advance(1s);
  f.settle();
  f.clock.advance(1s);
  cr_expect(f.gets(b, numbered(50, 99) + "no newline\n"));
}

TestEachSelector(chat_service, says_once_that_lines_have_to_wait) {
  Fixture f({.rate = 10, .burst = 20}, kind);
  Client& ann = f.named("ann");
  f.clock.advance(10s);
  ann.send(numbered(0, 39));
  cr_expect(f.gets(ann, "* slow down: your lines have to wait\n"));
  for (int i = 0; i < 20; ++i) {
    f.clock.advance(100ms);
    f.settle();
  }
  cr_expect(f.gets(ann, "* slow down: your lines have to wait\n"));
}

TestEachSelector(chat_service, loses_no_line_that_waits_when_its_client_ends) {
  Fixture f({.rate = 10, .burst = 5}, kind);
  Client &a = f.client(), &b = f.client();
  a.send(numbered(0, 29) + "the last");
  shutdown(a.fd.get(), SHUT_WR);
  for (int i = 0; i < 40; ++i) {
    f.clock.advance(100ms);
    f.settle();
  }
  cr_expect(f.gets(b, numbered(0, 29) + "the last\n"));
  cr_expect(f.ends(a));
}

TestEachSelector(chat_service, says_everything_that_waits_before_it_ends) {
  Fixture f({.rate = 10, .burst = 5}, kind);
  Client &a = f.client(), &b = f.client(), &c = f.client();
  const std::string text = numbered(0, 29) + "no newline";
  a.send(text);
  c.send("nor here");
  cr_assert(f.hears(text.size() + 8));
  f.service.drain();
  cr_expect(f.ends(a) && f.ends(b) && f.ends(c));
  cr_expect(b.got == text + "\nnor here\n" ||
                b.got == numbered(0, 4) + "nor here\n" + numbered(5, 29) + "no newline\n",
            "%s", b.got.c_str());
  cr_expect(c.got == text + "\n", "%s", c.got.c_str());
  for (const auto& one : f.clients) one->fd.reset();
  cr_expect(run_until(f.reactor, [&] { return f.service.finished(); }));
}

TestEachSelector(chat_service, turns_away_who_is_one_too_many) {
  Fixture f({.max_clients = 2}, kind);
  Client& a = f.client();
  f.client();
  Client& third = f.client();
  cr_expect(f.ends(third));
  cr_expect(third.got == "* the server is full: come again later\n");
  reset_connection(a.fd);
  third.fd.reset();
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 1; }));
  Client& fourth = f.client();
  fourth.send("/rooms\n");
  cr_expect(f.gets(fourth, "* rooms: lobby (2)\n"));
}

TestEachSelector(chat_service, turns_away_too_many_from_one_address_but_for_this_machine) {
  Fixture f({.max_per_address = 1, .bound_loopback = true}, kind);
  Client& a = f.client();
  Client& second = f.client();
  cr_expect(f.ends(second));
  cr_expect(second.got == "* too many from your address\n");
  a.fd.reset();
  second.fd.reset();
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 0; }));
  f.client().send("/rooms\n");
  cr_expect(f.gets(*f.clients.back(), "* rooms: lobby (1)\n"));
  Fixture free({.max_per_address = 1}, kind);
  free.client();
  free.client().send("/rooms\n");
  cr_expect(free.gets(*free.clients.back(), "* rooms: lobby (2)\n"));
}

TestEachSelector(chat_service, does_not_answer_ever_more_to_who_does_not_read) {
  Fixture f({.rate = 0}, kind);
  Client &deaf = f.client(), &other = f.client();
  std::string asked;
  for (int i = 0; i < 100'000; ++i) asked += "/help\n";
  std::string_view rest = asked;
  for (int quiet = 0; quiet < 200 && !rest.empty(); ++quiet) {
    const ssize_t sent = send(deaf.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      rest.remove_prefix(static_cast<std::size_t>(sent));
      quiet = 0;
    }
    turn(f.reactor);
  }
  const auto heard = f.service.counters().bytes_in;
  cr_expect(heard < asked.size());
  turn(f.reactor, 100);
  cr_expect(f.service.counters().bytes_in == heard, "it is not read from");
  other.send("still there?\n/rooms\n");
  cr_expect(f.gets(other, "* rooms: lobby (2)\n"));
  // It gets every answer once it reads.
  const std::size_t due = chat::help_text().size() * 100'000;
  std::size_t got = deaf.got.size();
  cr_expect(run_until(f.reactor, [&] {
    const ssize_t sent =
        rest.empty() ? 0 : send(deaf.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent > 0) rest.remove_prefix(static_cast<std::size_t>(sent));
    deaf.got.clear();
    deaf.read();
    got += deaf.got.size();
    return got >= due;
  }));
  cr_expect(got == due + 13, "%zu of %zu", got, due + 13);
}

Test(chat_service, forgets_rooms_that_are_empty) {
  Fixture f({.rate = 0});
  std::vector<Client*> crowd;
  for (int i = 0; i < 30; ++i) {
    crowd.push_back(&f.client());
    crowd.back()->send(concat("/join r", i, '\n'));
  }
  cr_assert(run_until(f.reactor, [&] { return f.service.rooms().size() == 31; }));
  for (Client* one : crowd) reset_connection(one->fd);
  cr_assert(run_until(f.reactor, [&] { return f.service.rooms().size() == 1; }));
}

Test(chat_service, keeps_rooms_apart) {
  Fixture f;
  Client& ann = f.named("ann");
  Client& bob = f.named("bob");
  ann.got.clear();
  bob.send("/join den\n");
  cr_assert(f.gets(bob, "* you are in den, with 0 others\n"));
  f.clock.advance(1s);
  cr_expect(f.gets(ann, "* bob left\n"));
  bob.send("in the den\n");
  ann.send("in the lobby\n");
  cr_expect(f.gets(bob, "* you are in den, with 0 others\n"));
  cr_expect(f.gets(ann, "* bob left\n"));
}
