#include "tests/protocols/ftp_client_scene.h"

using namespace sluice;
using namespace sluice::ftp;
using namespace std::chrono_literals;
using Kind = Failure::Kind;

// --- the greeting --------------------------------------------------------------------------------

TestEachSelector(ftp_client, logs_in_and_tells_the_greeting_and_the_welcome) {
  ClientScene scene(kind);
  cr_expect(!scene.client->connected());
  cr_expect(scene.well(scene.connect()).text() == "ready");
  cr_expect(scene.client->connected() && scene.client->peer() == scene.server.address);
  cr_expect(scene.well(scene.login({"me", "secret"})).text() == "in");
  const std::vector<std::string> expected{"USER me", "PASS secret", "FEAT"};
  cr_expect(scene.server.lines == expected);
}

Test(ftp_client, waits_on_where_120_comes_before_220) {
  ClientScene scene;
  scene.server.greeting = "120 in a minute\r\n";
  const auto connecting = scene.connect();
  scene.until([&] { return scene.server.clients == 1; });
  scene.pass(40s);
  scene.server.say("120 and another");
  scene.pass(40s);
  cr_expect(connecting->calls == 0);
  scene.server.say("220 now");
  cr_expect(scene.well(connecting).text() == "now");
}

Test(ftp_client, is_told_of_421_in_place_of_a_greeting) {
  ClientScene scene;
  scene.server.greeting = "421 too many\r\n";
  const Failure why = scene.failure(scene.connect());
  cr_expect(why.kind == Kind::network && why.code == 421 && why.text == "too many");
}

Test(ftp_client, takes_no_reply_of_another_kind_for_a_greeting) {
  ClientScene scene;
  scene.server.greeting = "331 password?\r\n";
  scene.fails(scene.connect(), Kind::protocol);
}

Test(ftp_client, takes_a_banner_of_many_lines) {
  ClientScene scene;
  std::string& banner = scene.server.greeting = "220-\r\n";
  for (int i = 0; i < 1000; ++i) banner += "220-one more\r\n";
  banner += "220 ready\r\n";
  cr_expect(scene.well(scene.connect()).lines.size() == 1002);
  scene.well(scene.login());
}

Test(ftp_client, gives_up_a_server_that_says_nothing) {
  ClientScene scene;
  scene.server.greeting = "";
  const auto connecting = scene.connect();
  scene.until([&] { return scene.server.clients == 1; });
  scene.pass(59s);
  cr_expect(connecting->calls == 0);
  scene.pass(2s);
  const Failure why = scene.failure(connecting);
  cr_expect(why.kind == Kind::network && why.error.code == ETIMEDOUT);
  cr_expect(!scene.client->connected());
}

Test(ftp_client, gives_up_a_server_that_sends_the_greeting_a_letter_at_a_time) {
  ClientScene scene;
  scene.server.greeting = "220-";
  const auto connecting = scene.connect();
  scene.until([&] { return scene.server.clients == 1; });
  for (int i = 0; i < 3; ++i) {
    scene.server.say_raw("x");
    scene.pass(25s);
  }
  scene.fails(connecting, Kind::network);
}

Test(ftp_client, goes_on_to_the_next_address_when_one_refuses) {
  ClientScene scene;
  auto socket = tcp_listen(Address::loopback_v4(0));
  cr_assert(socket);
  const Address gone = *Address::local_of(socket->get());
  socket->reset();
  scene.well(scene.start<ServerReply>(
      [&](auto done) { scene.client->connect({gone, scene.server.address}, std::move(done)); }));
  cr_expect(scene.client->peer() == scene.server.address);
}

Test(ftp_client, says_why_the_last_address_did_not_answer) {
  ClientScene scene;
  auto socket = tcp_listen(Address::loopback_v4(0));
  cr_assert(socket);
  const Address gone = *Address::local_of(socket->get());
  socket->reset();
  const Failure why = scene.failure(scene.start<ServerReply>(
      [&](auto done) { scene.client->connect({gone, gone}, std::move(done)); }));
  cr_expect(why.kind == Kind::network && why.error.code == ECONNREFUSED);
  ClientScene nowhere;
  nowhere.fails(
      nowhere.start<ServerReply>([&](auto done) { nowhere.client->connect({}, std::move(done)); }),
      Kind::network);
}

// --- the log-in ----------------------------------------------------------------------------------

Test(ftp_client, is_in_after_230_to_the_name_alone) {
  ClientScene scene;
  scene.server.on("USER", "230 no password needed");
  scene.ready();
  cr_expect(!scene.server.heard("PASS sluice@"));
}

Test(ftp_client, gives_the_account_where_it_is_asked_for) {
  ClientScene scene;
  scene.server.on("PASS", "332 account?");
  scene.server.on("ACCT", "230 in");
  scene.well(scene.connect());
  scene.fails(scene.login(), Kind::login);
  scene.well(scene.login({"me", "secret", "books"}));
  cr_expect(scene.server.heard("ACCT books"));
  scene.server.on("USER", "332 account?");
  scene.well(scene.login({"me", "secret", "paper"}));
  cr_expect(scene.server.heard("ACCT paper"));
}

Test(ftp_client, tells_a_refused_log_in_from_a_network_that_fails) {
  ClientScene scene;
  scene.well(scene.connect());
  scene.server.on("USER", "530 not you");
  scene.fails(scene.login(), Kind::login);
  scene.server.on("USER", "331 password?");
  scene.server.on("PASS", "530 wrong");
  const Failure why = scene.failure(scene.login());
  cr_expect(why.kind == Kind::login && why.code == 530 && why.sentence() == "530 wrong");
  scene.server.on("PASS", "550 no");
  scene.fails(scene.login(), Kind::login);
  scene.server.on("PASS", "421 too many");
  scene.fails(scene.login(), Kind::network);
  scene.server.on("PASS", "230 in");
  scene.well(scene.login());
}

Test(ftp_client, is_not_asked_for_the_password_for_ever) {
  ClientScene scene;
  scene.well(scene.connect());
  scene.server.on("PASS", "331 password?");
  scene.fails(scene.login(), Kind::protocol);
  cr_expect(scene.server.count("PASS sluice@") == 1);
  scene.server.on("PASS", "332 account?");
  scene.server.on("ACCT", "332 account?");
  scene.fails(scene.login({"me", "secret", "books"}), Kind::protocol);
  cr_expect(scene.server.count("ACCT books") == 1);
  scene.server.on("ACCT", "331 password?");
  scene.fails(scene.login({"me", "secret", "books"}), Kind::protocol);
}

Test(ftp_client, gets_on_with_a_server_that_does_not_know_FEAT) {
  ClientScene scene;
  scene.server.on("FEAT", "500 what?");
  scene.ready();
  cr_expect(!scene.client->has_feature("SIZE"));
}

Test(ftp_client, knows_the_features_by_their_first_words) {
  ClientScene scene;
  scene.server.on("FEAT", "211-\r\n rest stream\r\n MLSTX\r\n UTF8\r\n211 end");
  scene.ready();
  cr_expect(scene.client->has_feature("REST STREAM") && scene.client->has_feature("REST"));
  cr_expect(!scene.client->has_feature("MLST") && !scene.client->has_feature("STREAM"));
  scene.expect_alive();
  cr_expect(scene.server.heard("OPTS UTF8 ON"));
}

Test(ftp_client, shows_what_is_said_but_no_password) {
  ClientScene scene;
  std::string talk;
  scene.client->on_talk([&](std::string_view line, bool from_server) {
    talk += concat(from_server ? "< " : "> ", line, '\n');
  });
  scene.server.on("FEAT", "500 what?");
  scene.well(scene.connect());
  scene.well(scene.login({"me", "secret"}));
  cr_expect(talk ==
                "< 220 ready\n> USER me\n< 331 password?\n> PASS ***\n< 230 in\n> FEAT\n"
                "< 500 what?\n",
            "%s", talk.c_str());
}

// --- commands ------------------------------------------------------------------------------------

Test(ftp_client, gives_replies_to_who_asked_in_order) {
  ClientScene scene;
  scene.ready();
  for (const char* verb : {"A", "B", "C"}) scene.server.silent_on(verb);
  const auto a = scene.ask("A"), b = scene.ask("B"), c = scene.ask("C");
  scene.until([&] { return scene.server.heard("C"); });
  scene.server.say("200 a\r\n550-many\r\n 550 lines\r\n550 b\r\n200 c");
  cr_expect(scene.well(c).text() == "c");
  cr_expect(scene.well(a).text() == "a");
  const ServerReply& many = scene.well(b);
  cr_expect(many.code == 550 && many.lines.size() == 3 && many.lines[1] == " 550 lines");
}

Test(ftp_client, makes_a_failure_of_a_bad_reply_only_where_it_was_demanded) {
  ClientScene scene;
  scene.ready();
  scene.server.on("SIZE", "550 no such file");
  cr_expect(scene.well(scene.ask("SIZE x")).code == 550);
  scene.fails(scene.start<ServerReply>([&](auto done) {
    scene.client->demand("SIZE x", Purpose::reading, std::move(done));
  }),
              Kind::not_found);
}

Test(ftp_client, never_sends_a_command_with_a_line_end_and_fails_it_in_its_turn) {
  ClientScene scene;
  scene.ready();
  scene.server.silent_on("A");
  const auto before = scene.ask("A");
  const auto bad = scene.ask("DELE x\r\nDELE y");
  const auto nul = scene.ask(std::string_view("DELE \0x", 7));
  const auto after = scene.ask("B");
  scene.until([&] { return scene.server.heard("B"); });
  cr_expect(bad->calls == 0);
  scene.server.say("200 a");
  scene.well(before);
  scene.fails(bad, Kind::refused);
  scene.fails(nul, Kind::refused);
  scene.well(after);
  scene.fails(scene.ask("DELE z\n"), Kind::refused);
  scene.fails(scene.login({"me\rDELE z", ""}), Kind::refused);
  for (const std::string& line : scene.server.lines) cr_expect(!line.starts_with("DELE"));
  scene.expect_alive();
}

Test(ftp_client, gives_no_reply_to_a_command_that_was_not_sent) {
  ClientScene scene;
  scene.ready();
  scene.server.say("200 to nobody");
  const auto bad = scene.ask("A\n");
  scene.fails(bad, Kind::refused);
}

Test(ftp_client, notices_a_silence_behind_a_command_that_was_not_sent) {
  ClientScene scene;
  scene.ready();
  scene.server.silent_on("A");
  const auto bad = scene.ask("\n");
  const auto good = scene.ask("A");
  scene.fails(bad, Kind::refused);
  scene.pass(61s);
  scene.fails(good, Kind::network);
}

Test(ftp_client, doubles_0xff) {
  ClientScene scene;
  scene.ready();
  scene.well(
      scene.ask("CWD a\xff"
                "b"));
  cr_expect(
      scene.server.heard("CWD a\xff\xff"
                         "b"));
}

Test(ftp_client, fails_all_that_is_under_way_when_the_server_goes) {
  ClientScene scene;
  scene.ready();
  for (const char* verb : {"A", "B"}) scene.server.silent_on(verb);
  const auto a = scene.ask("A"), b = scene.ask("B");
  scene.until([&] { return scene.server.heard("B"); });
  scene.server.say("421 so long");
  scene.server.hang_up();
  cr_expect(scene.well(a).code == 421);  // which is a reply like others, to the first
  const Failure why = scene.failure(b);
  cr_expect(why.kind == Kind::network && why.code == 421 && why.text == "so long");
  cr_expect(!scene.client->connected());
  scene.fails(scene.ask("C"), Kind::network);
  scene.fails(scene.retrieve(), Kind::network);
  scene.fails(scene.list(), Kind::network);
  scene.fails(scene.login(), Kind::network);
}

Test(ftp_client, fails_all_that_is_under_way_when_the_server_resets) {
  ClientScene scene;
  scene.ready();
  scene.server.on("A", [&](const std::string&) { scene.server.hang_up(true); });
  const Failure why = scene.failure(scene.ask("A"));
  cr_expect(why.kind == Kind::network && why.error.code == ECONNRESET);
}

Test(ftp_client, gives_up_a_server_that_falls_silent) {
  ClientScene scene;
  scene.ready();
  scene.server.silent_on("A");
  scene.pass(1h);
  cr_expect(scene.client->connected());
  const auto a = scene.ask("A");
  scene.pass(59s);
  cr_expect(a->calls == 0);
  scene.pass(2s);
  scene.fails(a, Kind::network);
}

// --- the end from inside -------------------------------------------------------------------------

Test(ftp_client, can_be_closed_from_inside_its_own_call) {
  ClientScene scene;
  scene.ready();
  int later = 0;
  bool first = false;
  scene.client->ask("A", [&](const auto&) {
    first = true;
    scene.client->close();
  });
  scene.client->ask("B", [&](const auto&) { ++later; });
  scene.until([&] { return first; });
  turn(scene.reactor, 5);
  cr_expect(later == 0 && !scene.client->connected());
}

Test(ftp_client, can_be_retired_from_inside_its_own_call) {
  ClientScene scene;
  scene.ready();
  int later = 0;
  scene.client->ask("A", [&](const auto&) { scene.reactor.retire(std::move(scene.client)); });
  scene.client->ask("B", [&](const auto&) { ++later; });
  scene.until([&] { return !scene.client; });
  turn(scene.reactor, 5);
  cr_expect(later <= 1);
}

Test(ftp_client, can_be_destroyed_at_any_time) {
  ClientScene scene;
  const auto connecting = scene.connect();
  scene.client.reset();
  turn(scene.reactor, 5);
  cr_expect(connecting->calls == 0);
}
