#include <fcntl.h>
#include <sys/resource.h>

#include "tests/protocols/ftp_client_scene.h"
#include "tests/protocols/temp_directory.h"

using namespace sluice;
using namespace sluice::ftp;
using namespace std::chrono_literals;
using Kind = Failure::Kind;

namespace {

constexpr std::size_t kMuch = 20'000'000;  // more than the kernel's buffers take

void give_part(ScriptedFtpServer& server) {
  server.transferring = true;
  server.say("150 here");
  server.with_data([&] { server.data->write("some"); });
}

/// A download of which a part has come.
ClientScene::Pending<Transferred> begin_download(ClientScene& scene) {
  scene.ready();
  scene.server.on("RETR", [&](const std::string&) { give_part(scene.server); });
  auto call = scene.retrieve();
  scene.until([&] { return scene.sink.text == "some"; });
  return call;
}

/// Uploads end by a reset, of which the server tells.
void expect_reset(ScriptedFtpServer& server) {
  server.silent_on("ABOR");
  server.on("STOR", [&](const std::string&) {
    server.say("150 send");
    server.with_data([&] {
      server.incoming.when_closed = [&](Stream&) { server.say("426 broken off\r\n226 no more"); };
    });
  });
}

long resident_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

// --- ends that are none --------------------------------------------------------------------------

Test(ftp_client, tells_a_reset_of_the_data_although_226_came) {
  ClientScene scene;
  scene.ready();
  auto& server = scene.server;
  server.on("RETR", [&](const std::string&) {
    server.say("150 here\r\n226 done");
    server.with_data([&] { server.data->write("some"); });
  });
  auto call = scene.retrieve();
  scene.until([&] { return scene.sink.text == "some"; });
  server.data->abort();
  const Failure why = scene.failure(call);
  cr_expect(why.kind == Kind::network && why.error.code == ECONNRESET);
  server.on("RETR", [&](const std::string&) { give_part(server); });
  call = scene.retrieve();
  scene.until([&] { return scene.sink.text == "somesome"; });
  server.data->abort();
  turn(scene.reactor, 5);
  server.say("226 done");
  scene.fails(call, Kind::network);
  scene.expect_alive();
}

Test(ftp_client, believes_the_closing_reply_more_than_the_end_of_the_data) {
  constexpr std::pair<const char*, Kind> kEnds[] = {
      {"421 so long", Kind::network},        {"426 broken", Kind::network},
      {"450 busy", Kind::refused},           {"451 disk trouble", Kind::refused},
      {"452 full", Kind::remote_full},       {"552 quota", Kind::remote_full},
      {"550 no such file", Kind::not_found}, {"550 denied", Kind::refused},
      {"530 not you", Kind::login},          {"331 what", Kind::protocol}};
  for (const auto& [reply, kind] : kEnds) {
    ClientScene scene;
    scene.ready();
    scene.server.on("RETR", [&](const std::string&) {
      scene.server.say("150 here");
      scene.server.with_data([&] {
        scene.server.data->close();
        scene.server.say(reply);
      });
    });
    scene.fails(scene.retrieve(), kind);
    scene.server.on("STOR", [&](const std::string&) { scene.server.take(reply); });
    scene.fails(scene.store("to store"), kind);
    scene.expect_alive();
  }
}

// Who resumes goes on behind it.
Test(ftp_client, takes_what_was_on_its_way_when_the_server_breaks_off) {
  for (const char* end : {"426 broken", "451 disk trouble", "421 so long", ""}) {
    ClientScene scene;
    auto& server = scene.server;
    const auto call = begin_download(scene);
    *end ? server.say(end) : server.hang_up();
    turn(scene.reactor, 5);
    for (int i = 0; i < 10; ++i) {
      server.data->write(" more");
      scene.pass(Client::kRestPatience - 1ms);
    }
    cr_expect(call->calls == 0, "there may be more");
    server.data->close();
    scene.fails(call, *end == '4' && end[1] == '5' ? Kind::refused : Kind::network);
    cr_expect(scene.sink.text.size() == 54);
    if (*end) scene.expect_alive();
  }
}

Test(ftp_client, takes_what_was_sent_although_the_reply_came_before_the_data_connection) {
  ClientScene scene;
  scene.client->options().passive = false;
  scene.ready();
  auto& server = scene.server;
  std::string there;
  server.on("EPRT", [&](const std::string& argument) {
    there = argument;
    server.say("200 later");
  });
  server.on("RETR", "150 here\r\n451 disk trouble");
  const auto call = scene.retrieve();
  scene.until([&] { return server.heard("RETR file"); });
  turn(scene.reactor, 5);
  server.call(*parse_eprt(there));
  server.with_data([&] {
    server.data->write("some");
    server.data->close();
  });
  scene.fails(call, Kind::refused);
  cr_expect(scene.sink.text == "some");
  scene.expect_alive();
}

Test(ftp_client, waits_a_moment_only_for_what_a_server_that_broke_off_had_sent) {
  for (const bool aborted : {false, true}) {
    ClientScene scene;
    auto& server = scene.server;
    const auto call = begin_download(scene);
    server.transferring = false;
    server.say("451 disk trouble");
    if (aborted) {
      turn(scene.reactor, 5);
      scene.client->abort();
    } else {
      scene.pass(Client::kRestPatience);
    }
    scene.fails(call, aborted ? Kind::aborted : Kind::refused);
    scene.expect_alive();
    cr_expect(!server.heard("ABOR"));
  }
}

Test(ftp_client, tells_a_full_server_that_resets_the_upload) {
  ClientScene scene;
  scene.ready();
  scene.server.on("STOR", [&](const std::string&) {
    scene.server.say("150 send");
    scene.server.with_data([&] {
      scene.server.data->abort();
      scene.server.say("452 full");
    });
  });
  scene.fails(scene.store(std::string(kMuch, 'x')), Kind::remote_full);
  scene.expect_alive();
}

Test(ftp_client, is_done_where_the_server_goes_right_after_226) {
  ClientScene scene;
  scene.ready();
  scene.server.on("RETR", [&](const std::string&) {
    scene.server.say("150 here");
    scene.server.with_data([&] {
      scene.server.say("226 done");
      scene.server.hang_up();
      scene.server.data->write("some");
    });
  });
  const auto call = scene.retrieve();
  scene.until([&] { return !scene.client->connected(); });
  turn(scene.reactor, 5);
  cr_expect(call->calls == 0, "there may be more");
  scene.server.data->close();
  scene.well(call);
  cr_expect(scene.sink.text == "some");
}

Test(ftp_client, fails_where_the_server_goes_before_226) {
  for (const char* said : {"", "150 here\r\n", "150 here\r\n22", "150 here\r\n226-do\r\n"}) {
    ClientScene scene;
    scene.ready();
    scene.server.on("RETR", [&](const std::string&) {
      scene.server.say_raw(said);
      scene.server.with_data([&] {
        scene.server.data->write("some");
        scene.server.data->close();
        scene.server.hang_up();
      });
    });
    scene.fails(scene.retrieve(), Kind::network);
    scene.fails(scene.ask("NOOP"), Kind::network);
  }
}

Test(ftp_client, moves_nothing_of_the_file_where_REST_or_STOR_is_refused) {
  ClientScene scene;
  scene.ready();
  scene.server.on("REST", "502 not here");
  scene.fails(scene.retrieve(100), Kind::refused);
  scene.fails(scene.store("the rest", 100), Kind::refused);
  cr_expect(!scene.server.heard("RETR file") && !scene.server.heard("STOR file"));
  scene.server.on("REST", "200 fine");  // is not 350
  scene.fails(scene.retrieve(100), Kind::refused);
  scene.server.on("REST", "421 so long");
  scene.fails(scene.retrieve(100), Kind::network);
  scene.server.on("STOR", [&](const std::string&) {
    scene.server.with_data([&] { scene.server.say("553 no"); });
  });
  scene.fails(scene.store(std::string(kMuch, 'x')), Kind::refused);
  turn(scene.reactor, 5);
  cr_expect(scene.server.incoming.data.empty());
  cr_expect(scene.sink.text.empty());
  scene.expect_alive();
}

Test(ftp_client, tells_what_TYPE_was_refused_for) {
  ClientScene scene;
  scene.ready();
  scene.server.on("TYPE", "504 only text");
  scene.fails(scene.retrieve(), Kind::refused);
  scene.server.on("TYPE", "200 well then");
  scene.expect_whole();
}

Test(ftp_client, sends_no_name_with_a_line_end) {
  for (const bool first : {true, false}) {
    ClientScene scene;
    scene.ready();
    if (!first) scene.expect_whole();
    scene.fails(scene.retrieve(0, "a\r\nDELE b"), Kind::refused);
    scene.fails(scene.store(std::make_unique<TextSource>("x"), 0, "a\nb"), Kind::refused);
    scene.fails(scene.list(std::string_view("a\0b", 3)), Kind::refused);
    const auto before = scene.ask("NOOP");
    const auto bad = scene.retrieve(0, "\n");
    scene.well(before);
    scene.fails(bad, Kind::refused);
    scene.expect_whole();
  }
}

// --- silence -------------------------------------------------------------------------------------

Test(ftp_client, gives_up_a_server_that_sends_nothing) {
  ClientScene scene;
  scene.ready();
  scene.server.on("RETR", [&](const std::string&) { give_part(scene.server); });
  const auto call = scene.retrieve();
  scene.until([&] { return scene.sink.text == "some"; });
  scene.pass(40s);
  scene.server.data->write(" more");
  scene.pass(40s);
  cr_expect(call->calls == 0);
  scene.pass(21s);
  scene.server.say("426 broken");
  scene.fails(call, Kind::network);
  scene.expect_alive();
}

Test(ftp_client, gives_up_a_server_that_takes_nothing) {
  ClientScene scene;
  scene.ready();
  scene.server.on("STOR", [&](const std::string&) {
    scene.server.say("150 send");
    scene.server.with_data([&] { scene.server.data->pause_reading(); });
  });
  const auto call = scene.store(std::string(kMuch, 'x'));
  scene.until([&] { return scene.client->bytes() > 0; });
  for (std::uint64_t before = 0; before != scene.client->bytes();) {
    before = scene.client->bytes();
    turn(scene.reactor, 100);
  }
  scene.pass(61s);
  cr_expect(call->calls == 0, "the server may say why");
  scene.pass(61s);
  scene.fails(call, Kind::network);
}

Test(ftp_client, waits_for_226_while_the_server_takes_what_was_sent) {
  ClientScene scene;
  scene.ready();
  scene.server.on("STOR", [&](const std::string&) {
    scene.server.say("150 send");
    scene.server.with_data([&] {
      set_int(scene.server.data->fd(), SO_RCVBUF, 4096);
      scene.server.data->pause_reading();
    });
  });
  const std::string text(300'000, 'x');
  const auto call = scene.store(text);
  scene.until([&] { return scene.client->bytes() == text.size(); });
  for (std::size_t taken = 0; taken < text.size() / 2;) {
    scene.server.data->resume_reading();
    const std::size_t before = scene.server.incoming.data.size();
    scene.until([&] { return scene.server.incoming.data.size() > before; });
    scene.server.data->pause_reading();
    taken = scene.server.incoming.data.size();
    scene.pass(50s);
    cr_assert(call->calls == 0, "%zu bytes were taken", taken);
  }
  scene.pass(61s);
  scene.pass(61s);
  scene.fails(call, Kind::network);
}

// --- failures here -------------------------------------------------------------------------------

Test(ftp_client, tells_what_failed_here_and_keeps_the_session) {
  ClientScene scene;
  scene.server.content = std::string(1'000'000, 'x');
  scene.ready();
  scene.sink.room = 100'000;
  Failure why = scene.failure(scene.retrieve());
  cr_expect(why.kind == Kind::local && why.error.code == ENOSPC);
  expect_reset(scene.server);
  why = scene.failure(scene.store(std::make_unique<TextSource>("to store", EBADMSG)));
  cr_expect(why.kind == Kind::local && why.error.code == EBADMSG);
  cr_expect(scene.server.incoming.error.code == ECONNRESET, "the part looks whole");
  scene.expect_whole();
}

Test(ftp_client, tells_that_a_file_became_shorter_while_it_was_sent) {
  ClientScene scene;
  TempDirectory directory;
  directory.put("file", "short");
  scene.ready();
  expect_reset(scene.server);
  Fd file(::open(directory.path("file").c_str(), O_RDONLY | O_CLOEXEC));
  const Failure why = scene.failure(scene.store(FileRange{std::move(file), 0, 1000}));
  cr_expect(why.kind == Kind::local && why.error.code == EIO);
  cr_expect(scene.server.incoming.error.code == ECONNRESET, "the part looks whole");
  scene.expect_alive();
}

Test(ftp_client, can_be_closed_and_retired_from_inside_the_end_of_a_transfer) {
  ClientScene scene;
  scene.ready();
  bool ended = false;
  scene.client->retrieve("file", Client::Type::binary, 0, scene.sink, [&](const auto&) {
    ended = true;
    scene.client->close();
    scene.reactor.retire(std::move(scene.client));
  });
  scene.until([&] { return ended; });
  turn(scene.reactor, 5);
  cr_expect(!scene.client && scene.sink.text == scene.server.content);
}

Test(ftp_client, keeps_little_of_a_reply_without_end) {
  for (const char* piece : {"x", "1", "220-x\r\n"}) {
    ClientScene scene;
    scene.server.greeting = "220-";
    const auto connecting = scene.connect();
    scene.until([&] { return scene.server.clients == 1; });
    std::string block;
    while (block.size() < 1'000'000) block += piece;
    const long before = resident_kib();
    for (int i = 0; i < 100 && scene.server.control->open(); ++i) {
      scene.server.say_raw(block);
      turn(scene.reactor, 100);
    }
    scene.fails(connecting, Kind::protocol);
    cr_expect(resident_kib() - before < 32 * 1024);
  }
}
