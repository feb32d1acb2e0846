#include "protocols/chat/chat_service.h"

#include <criterion/criterion.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "protocols/chat/command.h"
#include "protocols/chat/nick.h"
#include "reactor/log.h"
#include "reactor/text.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

/// The whole server in one process, on a clock that stands still unless the test turns it.
using namespace sluice;
using namespace std::chrono_literals;
using chat::ChatService;

namespace {

struct Client {
  Fd fd;
  std::string got;
  Tail tail = Tail::more;

  void read() {
    if (tail == Tail::more) tail = read_some(fd.get(), got);
  }
  void send(std::string_view text) { send_text(fd.get(), text); }
};

ChatService::Options on_loopback(ChatService::Options options = {}) {
  options.address = Address::loopback_v4(0);
  return options;
}

struct Fixture {
  explicit Fixture(ChatService::Options options = {}, SelectorKind kind = SelectorKind::epoll)
      : reactor({.selector = kind, .clock = &clock}), service(reactor, on_loopback(options)) {
    set_log_level(LogLevel::error);
    cr_assert(service.start());
  }

  /// One that has been let in, or turned away.
  Client& client() {
    const auto before = service.counters().connections;
    auto socket = tcp_start_connect(*Address::parse(service.address()));
    cr_assert(socket);
    cr_assert(run_until(reactor, [&] { return service.counters().connections > before; }));
    clients.push_back(std::make_unique<Client>());
    clients.back()->fd = std::move(*socket);
    return *clients.back();
  }
  Client& named(const std::string& nick) {
    Client& made = client();
    made.send(concat("/nick ", nick, '\n'));
    cr_assert(gets(made, concat("* you are now ", nick, '\n')));
    made.got.clear();
    clock.advance(2s);  // whoever hears of it has heard it
    settle();
    for (const auto& one : clients) one->got.clear();
    return made;
  }

  /// Whether that, and nothing else, comes.
  bool gets(Client& client, std::string_view all) {
    run_until(reactor, [&] {
      client.read();
      return client.tail != Tail::more || client.got.size() >= all.size();
    });
    settle();
    if (client.got != all) cr_log_error("got: %s", client.got.c_str());
    return client.got == all;
  }
  void settle() {
    turn(reactor, 4);
    for (const auto& one : clients) one->read();
  }
  /// Until the server has read so much.
  bool hears(std::uint64_t bytes) {
    return run_until(reactor, [&] { return service.counters().bytes_in >= bytes; });
  }
  bool ends(Client& client) {
    return run_until(reactor, [&] { return client.read(), client.tail == Tail::eof; });
  }

  FakeClock clock;
  Reactor reactor;
  ChatService service;
  std::vector<std::unique_ptr<Client>> clients;
};

std::string numbered(int first, int last) {
  std::string text;
  for (int i = first; i <= last; ++i) text += concat("line ", i, '\n');
  return text;
}

}  // namespace

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
  cr_expect(f.gets(ann, "red text\n"));
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

// --- commands ------------------------------------------------------------------------------------

Test(chat_service, knows_its_commands) {
  Fixture f;
  Client& ann = f.named("ann");
  Client& bob = f.named("bob");
  f.client();
  const auto answers = [&](Client& client, std::string_view said, const std::string& answer) {
    client.got.clear();
    client.send(concat(said, '\n'));
    cr_expect(f.gets(client, answer), "%s", std::string(said).c_str());
  };
  answers(ann, "/who", "* in lobby: ann, bob, 1 without a name\n");
  answers(ann, "/WHO", "* in lobby: ann, bob, 1 without a name\n");
  answers(ann, "/rooms", "* rooms: lobby (3)\n");
  answers(ann, "/help", std::string(chat::help_text()));
  answers(ann, "/nick", "* which name? /nick NAME\n");
  answers(ann, "/nick ann", "* that is your name already\n");
  answers(ann, "/nick BOB", "* bob is taken; BOB_2 is free\n");
  answers(ann, "/join", "* which room? /join ROOM\n");
  answers(ann, "/join a/b", concat("* no: ", chat::check_room("a/b").error(), '\n'));
  answers(ann, "/join lobby", "* you are in lobby already\n");
  answers(ann, "/leave", "* you are in lobby already\n");
  answers(ann, "/msg bob", "* /msg NAME TEXT\n");
  answers(ann, "/msg carl hi", "* there is no carl here\n");
  answers(ann, "/me", "* what do you do? /me TEXT\n");
  answers(ann, "/dance", "* there is no /dance (see /help)\n");
  bob.got.clear();
  answers(ann, "/msg Bob psst  you", "");
  cr_expect(f.gets(bob, "ann (private): psst  you\n"));
  bob.got.clear();
  answers(ann, "/me waves", "");
  cr_expect(f.gets(bob, "* ann waves\n"));
  bob.got.clear();
  answers(ann, "//slash", "");
  cr_expect(f.gets(bob, "ann: /slash\n"));
  answers(ann, "/join #den", "* you are in den, with 0 others\n");
  answers(ann, "/rooms", "* rooms: den (1), lobby (2)\n");
  answers(ann, "/part", "* you are in lobby, with 2 others\n* ann waves\nann: /slash\n");
  answers(ann, "/rooms", "* rooms: lobby (3)\n");
  answers(ann, "/quit", "* goodbye\n");
  cr_expect(f.ends(ann));
}

Test(chat_service, answers_with_one_send_what_came_together) {
  Fixture f;
  Client& talker = f.client();
  talker.send("before\n");
  cr_assert(f.hears(7));
  Client& client = f.client();
  const auto segments = [&] {
    tcp_info info{};
    socklen_t size = sizeof info;
    cr_assert(getsockopt(client.fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
    return info.tcpi_data_segs_in;
  };
  client.send("/nick ann\n/who\n/join den\n/leave\n/who\n");
  cr_expect(f.gets(client,
                   "* you are now ann\nbefore\n* in lobby: ann, 1 without a name\n"
                   "* you are in den, with 0 others\n* you are in lobby, with 1 others\nbefore\n"
                   "* in lobby: ann, 1 without a name\n"));
  cr_expect_eq(segments(), 1);
  client.got.clear();
  client.send("/rooms\n/quit\n");
  cr_expect(f.gets(client, "* rooms: lobby (2)\n* goodbye\n"));
  cr_expect_eq(segments(), 2);
}

Test(chat_service, demands_a_name_for_what_shows_one) {
  Fixture f;
  Client& nobody = f.client();
  nobody.send("/me waves\n/msg ann hi\n");
  const std::string word = "* give yourself a name first: /nick NAME\n";
  cr_expect(f.gets(nobody, word + word));
}

Test(chat_service, lets_nobody_forge_what_it_tells) {
  Fixture f;
  Client& ann = f.named("ann");
  Client& bob = f.named("bob");
  ann.got.clear();
  bob.send("/me joined\n/me is now ann_2\n/nick you\n/me left for good\n");
  const std::string no = "* no: that would look like a line of the server's own\n";
  cr_expect(f.gets(bob, concat(no, no, "* no: ", chat::check_nick("you").error(), '\n')));
  cr_expect(f.gets(ann, "* bob left for good\n"));
}

/// What follows "* " in each answer is no nick, or it is the nick of whom it tells.
Test(chat_service, begins_no_answer_with_what_may_be_a_nick) {
  Fixture f({.rate = 10, .burst = 50});
  Client& ann = f.named("ann");
  f.named("bob");
  Client& nobody = f.client();
  nobody.send("/me\n/msg ann hi\n/nick ann\n/nick a b\n/nick cy\n");
  cr_expect(run_until(f.reactor, [&] { return f.settle(), nobody.got.ends_with("now cy\n"); }));
  ann.got.clear();
  ann.send(
      "/who\n/rooms\n/nick\n/nick 12\n/nick ann\n/join\n/join a/b\n/join lobby\n/join den\n/leave\n"
      "/msg bob\n/msg carl x\n/me\n/me joined\n/dance\n/help\n");
  ann.send(numbered(0, 99));
  cr_expect(run_until(f.reactor, [&] { return f.settle(), ann.got.ends_with("wait\n"); }));
  const std::string all = concat(nobody.got.substr(0, nobody.got.find("now cy\n") + 7), ann.got);
  for (std::string_view rest = all; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
    cr_assert(rest.starts_with("* "));
    const std::string word(rest.substr(2, rest.find_first_of(" :\n", 2) - 2));
    cr_expect(word == "ann" || word == "cy" || !chat::check_nick(word), "%s", word.c_str());
  }
}

Test(chat_service, frees_a_name_as_soon_as_its_owner_goes) {
  Fixture f;
  Client& ann = f.named("ann");
  Client& other = f.client();
  ann.send("/quit\n");
  cr_assert(f.ends(ann));
  other.send("/nick Ann\n");  // while the first has not closed its socket yet
  cr_expect(f.gets(other, "* you are now Ann\n"));
  reset_connection(other.fd);
  cr_assert(run_until(f.reactor, [&] { return f.service.find("ann") == nullptr; }));
  f.named("ann");
}

Test(chat_service, refuses_names_that_are_bad_or_look_like_one_that_is_taken) {
  Fixture f;
  f.named("ACE");
  Client& other = f.client();
  for (const std::string_view bad : {"a b", "x:", "*", "12", "a\u200bb", "\u0430nn", "\uff21ce"}) {
    other.got.clear();
    other.send(concat("/nick ", bad, '\n'));
    cr_expect(run_until(f.reactor, [&] { return other.read(), other.got.ends_with('\n'); }));
    cr_expect(other.got.starts_with("* no: a nick "), "%s", other.got.c_str());
  }
  other.got.clear();
  other.send("/nick ace\n/nick \u0410\u0421\u0415\n");  // the second is Cyrillic
  cr_expect(f.gets(other, "* ACE is taken; ace_2 is free\n* ACE is taken; АСЕ_2 is free\n") ||
            other.got.ends_with("is free\n"));
  cr_expect(std::ranges::count(other.got, '\n') == 2);
}

Test(chat_service, marks_lines_that_pretend_to_be_of_somebody_or_of_the_server) {
  Fixture f;
  Client& ann = f.named("ann");
  Client& liar = f.client();
  for (const std::string_view line : {"* bob joined",
                                      "  * bob joined",
                                      "\t* x",
                                      "*\u00a0bob joined",
                                      "\u200b* bob joined",
                                      "\uff0a bob joined",
                                      "\u2217 x",
                                      "*",
                                      "ann: hi",
                                      "ANN: hi",
                                      " ann : hi",
                                      "ann:",
                                      "ann\u200b: hi",
                                      "\u200bann: hi",
                                      "a\u200dnn\u00a0: hi",
                                      "ann\uff1a hi",
                                      "ann\u2236 hi",
                                      "\ufeffann\ua789 hi",
                                      "\u0430nn: hi",
                                      "\uff41\uff4e\uff4e: hi",
                                      "\U0001d41a\U0001d427\U0001d427: hi",
                                      "\u24d0nn: hi",
                                      "ann (private): hi",
                                      "Ann  (PRIVATE) : hi",
                                      "ann\u3000(private)\uff1ahi"}) {
    ann.got.clear();
    liar.send(concat(line, '\n'));
    cr_expect(f.gets(ann, concat("? ", line, '\n')), "%s", std::string(line).c_str());
  }
  for (const std::string_view line :
       {"hello", "*hello*", "anna: hi", "an: hi", "bob: hi", "hi ann: you", ": hi", "?", "**",
        "http://example.org", "Re: ann: hi", "x * y", "홍길동: 안녕"}) {
    ann.got.clear();
    liar.send(concat(line, '\n'));
    cr_expect(f.gets(ann, concat(line, '\n')), "%s", std::string(line).c_str());
  }
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
