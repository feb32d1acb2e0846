#include "protocols/words/words_service.h"

#include <criterion/criterion.h>

#include "tests/support/fake_clock.h"
#include "tests/support/loop.h"
#include "tests/support/sockets.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

const std::string kError = "error: expected a whole number from 1 to 10";

struct Fixture {
  explicit Fixture(SelectorKind kind = SelectorKind::epoll)
      : reactor({.selector = kind}), service(reactor, Address::loopback_v4(0), 20ms) {
    set_log_level(LogLevel::error);
    cr_assert(service.start());
    auto socket = tcp_start_connect(*Address::parse(service.address()));
    cr_assert(socket);
    cr_assert(wait_for(socket->get(), POLLOUT));
    client = std::move(*socket);
  }

  std::string ask(std::string_view request, std::size_t size) {
    send_text(client.get(), request);
    std::string got;
    run_until(reactor,
              [&] { return read_some(client.get(), got) != Tail::more || got.size() >= size; });
    return got;
  }

  Reactor reactor;
  words::WordsService service;
  Fd client;
};

}  // namespace

Test(words_answer, knows_one_to_ten_with_blanks_around) {
  constexpr std::string_view kWords[] = {"one", "two",   "three", "four", "five",
                                         "six", "seven", "eight", "nine", "ten"};
  for (int number = 1; number <= 10; ++number) {
    const std::string text = std::to_string(number);
    cr_expect(words::answer(text) == kWords[number - 1]);
    cr_expect(words::answer(" \t" + text + " ") == kWords[number - 1]);
  }
}

Test(words_answer, refuses_everything_else) {
  for (const std::string_view wrong :
       {"", " ", "0", "11", "-1", "+1", "1.0", "1 2", "one", "0x1", "99999999999999999999", "1a"}) {
    cr_expect(words::answer(wrong) == kError, "%s", std::string(wrong).c_str());
  }
  cr_expect(words::answer(std::string_view("1\0", 2)) == kError);
}

TestEachSelector(words_service, ends_an_answer_as_its_request_ended) {
  Fixture f(kind);
  cr_expect(f.ask("7\n", 6) == "seven\n");
  cr_expect(f.ask("7", 5) == "seven");
  cr_expect(f.ask("0\r\n", kError.size() + 1) == kError + "\n");
  cr_expect(f.ask("1\n2\n3\n", 14) == "one\ntwo\nthree\n");
}

TestEachSelector(words_service, answers_the_rest_at_the_clients_fin_and_closes) {
  Fixture f(kind);
  send_text(f.client.get(), "1\n10");
  shutdown(f.client.get(), SHUT_WR);
  std::string got;
  cr_assert(run_until(f.reactor, [&] { return read_some(f.client.get(), got) == Tail::eof; }));
  cr_expect(got == "one\nten", "%s", got.c_str());
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 0; }));
  cr_expect(f.service.counters().failures == 0);
}

TestEachSelector(words_service, survives_a_client_that_resets_within_the_gap) {
  Fixture f(kind);
  send_text(f.client.get(), "7");
  cr_assert(run_until(f.reactor, [&] { return f.service.counters().bytes_in == 1; }));
  reset_connection(f.client);
  cr_assert(run_until(f.reactor, [&] { return f.service.active() == 0; }));
}

TestEachSelector(words_service, does_not_take_a_busy_turn_of_its_own_for_a_gap) {
  FakeClock clock;
  Reactor reactor({.selector = kind, .clock = &clock});
  words::WordsService service(reactor, Address::loopback_v4(0), 20ms);
  set_log_level(LogLevel::error);
  cr_assert(service.start());
  auto client = tcp_start_connect(*Address::parse(service.address()));
  cr_assert(client && wait_for(client->get(), POLLOUT));
  send_text(client->get(), "1");
  // Somebody else keeps the server busy once it has read the first half of a number.
  const Pair pair = tcp_pair();
  send_text(pair.theirs.get(), "x");
  Watch busy = *reactor.on_readable(pair.ours.get(), [&] {
    if (service.counters().bytes_in == 0) return;
    send_text(client->get(), "0");
    clock.advance(30ms);
    busy = {};
  });
  std::string got;
  run_until(reactor, [&] {
    if (service.counters().bytes_in == 2) clock.advance(5ms);
    return read_some(client->get(), got) != Tail::more || !got.empty();
  });
  cr_expect(got == "ten", "%s", got.c_str());
}
