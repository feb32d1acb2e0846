#include <fcntl.h>

#include "tests/protocols/ftp_client_scene.h"
#include "tests/protocols/temp_directory.h"

using namespace sluice;
using namespace sluice::ftp;
using namespace std::chrono_literals;
using Kind = Failure::Kind;

namespace {

std::string much(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) text += concat(i, ' ');
  return text;
}

FileRange range_of(const TempDirectory& directory, std::uint64_t size) {
  Fd file(::open(directory.path("file").c_str(), O_RDONLY | O_CLOEXEC));
  cr_assert(file);
  return {std::move(file), 0, size};
}

/// What has called at `listener`, without waiting.
int callers(const Fd& listener) {
  int count = 0;
  while (Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC))) ++count;
  return count;
}

}  // namespace

// --- the way to a data connection ----------------------------------------------------------------

TestEachSelector(ftp_client, downloads_and_uploads_and_lists) {
  ClientScene scene(kind);
  scene.server.content = much(3'000'000);
  scene.ready();
  const Transferred got = scene.well(scene.retrieve());
  cr_expect(scene.sink.text == scene.server.content && got.bytes == scene.sink.text.size());
  cr_expect(got.reply.text() == "that was it");
  cr_expect(scene.well(scene.store(scene.server.content)).bytes == scene.server.content.size());
  cr_expect(scene.server.stored == scene.server.content);
  scene.server.content = "type=file;size=1; a\r\ntype=dir; b\r\n../c\r\n";
  const Listed listed = scene.well(scene.list("there"));
  cr_expect(listed.entries == 2 && listed.bad_lines == 1 && listed.first_bad == "../c");
  cr_expect(scene.names == std::vector<std::string>({"a", "b"}));
  cr_expect(scene.server.heard("MLSD there"));
}

Test(ftp_client, waits_for_the_first_EPSV_only) {
  ClientScene scene;
  scene.ready();
  scene.expect_whole();
  scene.server.silent_on("EPSV");
  (void)scene.retrieve();
  scene.until([&] { return scene.server.count("RETR file") == 2; });
}

Test(ftp_client, remembers_that_EPSV_was_refused) {
  ClientScene scene;
  scene.server.on("EPSV", "550 not here");
  scene.ready();
  scene.expect_whole();
  scene.expect_whole();
  cr_expect(scene.server.count("EPSV") == 1 && scene.server.count("PASV") == 2);
}

Test(ftp_client, never_calls_the_host_that_227_names) {
  ClientScene scene;
  Fd elsewhere;
  scene.server.on("EPSV", "500 what?");
  scene.server.on("PASV", [&](const std::string&) {
    scene.server.say(scene.server.pasv_reply("127,0,0,2"));
    auto socket = Address::parse(concat("127.0.0.2:", scene.server.data_address.port()));
    elsewhere = std::move(*tcp_listen(*socket));
  });
  scene.ready();
  scene.expect_whole();
  cr_expect(callers(elsewhere) == 0);
}

Test(ftp_client, calls_nobody_where_227_and_229_are_malformed) {
  for (const char* reply : {"229 here (|||0|)", "229 here (|||65536|)", "229 here (|||x|)",
                            "229 here", "229 here (|1|127.0.0.1|80|)", "229 -", "229"}) {
    ClientScene scene;
    scene.server.on("EPSV", reply);
    scene.ready();
    scene.fails(scene.retrieve(), Kind::protocol);
    scene.expect_alive();
    cr_expect(!scene.server.heard("RETR file"));
  }
  for (const char* reply : {"227 here (127,0,0,1,0,0)", "227 here (127,0,0,1,1)", "227 here",
                            "227 (127,0,0,1,256,1)", "227 (1,2,3,4,5,6,7)"}) {
    ClientScene scene;
    scene.client->options().extended = false;
    scene.server.on("PASV", reply);
    scene.ready();
    scene.fails(scene.retrieve(), Kind::protocol);
    scene.expect_alive();
  }
}

Test(ftp_client, fails_where_no_passive_port_is_to_be_had) {
  ClientScene scene;
  scene.server.on("EPSV", "425 no port");
  scene.ready();
  scene.fails(scene.retrieve(), Kind::network);
  scene.server.on("EPSV", "530 not you");
  scene.fails(scene.retrieve(), Kind::login);
  scene.server.on("EPSV", "500 no");
  scene.server.on("PASV", "500 no");
  scene.fails(scene.retrieve(), Kind::refused);
  scene.expect_alive();
}

Test(ftp_client, fails_where_nobody_answers_at_the_passive_port) {
  ClientScene scene;
  auto socket = tcp_listen(Address::loopback_v4(0));
  cr_assert(socket);
  const auto port = Address::local_of(socket->get())->port();
  socket->reset();
  scene.server.on("EPSV", concat("229 here (|||", port, "|)").c_str());
  scene.server.on("RETR", "425 nobody came");
  scene.ready();
  scene.fails(scene.retrieve(), Kind::network);
  // What the server knows of it is the better answer.
  scene.server.on("RETR", "550 no such file");
  scene.fails(scene.retrieve(), Kind::not_found);
  scene.expect_alive();
}

Test(ftp_client, waits_at_a_port_of_its_own_when_it_is_not_passive) {
  ClientScene scene;
  scene.client->options().passive = false;
  scene.server.content = much(100'000);
  scene.ready();
  scene.expect_whole();
  scene.well(scene.store("to store"));
  cr_expect(scene.server.stored == "to store");
  for (const std::string& line : scene.server.lines) cr_expect(!line.starts_with("PORT"));
  scene.server.on("EPRT", "500 what?");
  scene.expect_whole();
  scene.expect_whole();
  long ports = 0;
  for (const std::string& line : scene.server.lines) ports += line.starts_with("PORT 127,0,0,1,");
  cr_expect(ports == 2);
}

Test(ftp_client, fails_where_the_server_does_not_call) {
  ClientScene scene;
  scene.client->options().passive = false;
  scene.server.on("EPRT", "200 of course");
  scene.server.on("RETR", [&](const std::string&) {
    scene.server.transferring = true;
    scene.server.say("150 I am calling");
  });
  scene.ready();
  const auto retrieving = scene.retrieve();
  scene.until([&] { return scene.server.heard("RETR file"); });
  scene.pass(61s);
  scene.fails(retrieving, Kind::network);
  scene.expect_alive();
}

// --- the two ends, in either order ---------------------------------------------------------------

Test(ftp_client, takes_the_closing_reply_before_the_end_of_the_data_and_after_it) {
  ClientScene scene;
  scene.ready();
  auto& server = scene.server;
  server.on("RETR", [&](const std::string&) {
    server.say("150 here\r\n226 done");
    server.with_data([&] { server.data->write(server.content); });
  });
  const auto early = scene.retrieve();
  scene.until([&] { return scene.sink.text == server.content; });
  scene.pass(1s);
  cr_expect(early->calls == 0, "taken for whole before its end");
  server.data->close();
  scene.well(early);
  server.on("RETR", [&](const std::string&) {
    server.with_data([&] {
      server.say("150 here");
      server.data->write(server.content);
      server.data->close();
    });
  });
  scene.sink = {};
  const auto late = scene.retrieve();
  scene.until([&] { return server.incoming.closed; });
  scene.pass(1s);
  cr_expect(late->calls == 0, "taken for whole before the server said so");
  server.say("226 done");
  scene.well(late);
  cr_expect(scene.sink.text == server.content);
}

Test(ftp_client, takes_226_without_150_for_a_download) {
  ClientScene scene;
  scene.ready();
  scene.server.on("RETR", [&](const std::string&) {
    scene.server.with_data([&] {
      scene.server.say("226 done");
      scene.server.data->write(scene.server.content);
      scene.server.data->close();
    });
  });
  scene.expect_whole();
}

Test(ftp_client, fails_an_upload_that_the_server_ends_early) {
  ClientScene scene;
  scene.ready();
  scene.server.on("STOR", "226 done");
  scene.fails(scene.store("to store"), Kind::protocol);
  scene.server.on("STOR", "150 send\r\n226 done");
  scene.fails(scene.store(much(20'000'000)), Kind::protocol);
  scene.expect_alive();
}

Test(ftp_client, turns_line_ends_of_text) {
  ClientScene scene;
  scene.ready();
  scene.server.content = "a\r\nb\rc\n\r\n\r";
  scene.well(scene.retrieve(0, "file", Client::Type::ascii));
  cr_expect(scene.sink.text == "a\nb\rc\n\n\r");
  cr_expect(scene.server.heard("TYPE A") && !scene.server.heard("TYPE I"));
}

Test(ftp_client, resumes_where_it_is_told) {
  ClientScene scene;
  scene.ready();
  scene.well(scene.retrieve(12345));
  scene.well(scene.store("the rest", 678));
  const auto& lines = scene.server.lines;
  const std::vector<std::string> expected{"EPSV", "REST 12345", "RETR file",
                                          "EPSV", "REST 678",   "STOR file"};
  cr_expect(std::vector<std::string>(lines.end() - 6, lines.end()) == expected);
}

Test(ftp_client, sends_a_file_from_the_disk) {
  ClientScene scene;
  TempDirectory directory;
  directory.put("file", much(2'000'000));
  scene.ready();
  scene.well(scene.store(range_of(directory, 1'500'000)));
  cr_expect(scene.server.stored == much(2'000'000).substr(0, 1'500'000));
  scene.well(scene.store(range_of(directory, 0)));
  cr_expect(scene.server.stored.empty());
}

// --- listings ------------------------------------------------------------------------------------

Test(ftp_client, lists_by_LIST_where_MLSD_is_not_known_and_remembers_it) {
  ClientScene scene;
  scene.server.on("FEAT", "500 what?");
  scene.server.on("MLSD", "502 not here");
  scene.server.content = "-rw-r--r-- 1 a b 3 Jan 1 2020 one\r\n";
  scene.ready();
  const Listed listed = scene.well(scene.list());
  cr_expect(listed.format == ListingReader::Format::list && listed.entries == 1);
  scene.well(scene.list("-la"));
  cr_expect(scene.server.count("MLSD") == 1 && scene.server.heard("LIST ./-la"));
  cr_expect(scene.names == std::vector<std::string>({"one", "one"}));
}

Test(ftp_client, does_not_try_MLSD_where_FEAT_does_not_name_it) {
  ClientScene scene;
  scene.server.on("FEAT", "211-\r\n SIZE\r\n211 end");
  scene.server.content = "";
  scene.ready();
  cr_expect(scene.well(scene.list()).entries == 0);
  cr_expect(!scene.server.heard("MLSD"));
}

Test(ftp_client, gives_the_lines_of_a_listing_as_they_are) {
  ClientScene scene;
  scene.ready();
  scene.well(scene.start<Transferred>(
      [&](auto done) { scene.client->list_raw("NLST", "*.c", scene.sink, std::move(done)); }));
  cr_expect(scene.sink.text == scene.server.content && scene.server.heard("NLST *.c"));
}

Test(ftp_client, fails_a_listing_that_is_not_there_or_is_cut) {
  ClientScene scene;
  scene.ready();
  scene.server.on("MLSD", "550 no such directory");
  scene.fails(scene.list("x"), Kind::not_found);
  scene.server.on("MLSD", [&](const std::string&) {
    scene.server.say("150 here");
    scene.server.with_data([&] {
      scene.server.data->write("type=file; whole\r\ntype=file; cu");
      scene.server.data->close();
      scene.server.say("426 broken off");
    });
  });
  scene.fails(scene.list(), Kind::network);
  cr_expect(scene.server.count("LIST") == 0);
  scene.expect_alive();
}

Test(ftp_client, tells_of_no_entry_after_the_end) {
  ClientScene scene;
  scene.server.content = "type=file; a\r\ntype=file; b\r\n";
  scene.ready();
  int entries = 0, ends = 0;
  const auto list = [&](auto stop) {
    scene.client->list(
        "", [&entries, stop](const RemoteEntry&) { ++entries, stop(); },
        [&ends](const auto&) { ++ends; });
  };
  list([&] { scene.client->abort(); });
  scene.until([&] { return ends == 1; });
  cr_expect(entries == 1);
  scene.expect_alive();
  list([&] { scene.client->close(); });
  scene.until([&] { return entries == 2; });
  turn(scene.reactor, 10);
  cr_expect(entries == 2 && ends == 1);
}
