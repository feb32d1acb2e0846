#include "protocols/tftp/tftp_service.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "tests/protocols/tftp_service_scene.h"

using namespace sluice;
using namespace sluice::tftp;
using namespace std::chrono_literals;
using Fixture = TftpServiceScene;

namespace {

const TftpService::Options kWritable{.writable = true};

}  // namespace

Test(tftp_service, gives_a_file_from_a_port_of_its_own) {
  Fixture f;
  f.directory.put("hello", "hello, world");
  cr_expect(f.ask(wire::rrq("hello")) == wire::data(1, "hello, world"));
  cr_expect(f.peer.from.host() == "127.0.0.1");
  cr_expect(f.peer.from.port() != f.server.port());
  cr_expect(f.service->active() == 1);
  f.peer.answer(wire::ack(1));
  cr_assert(f.runs_until_idle());
  cr_expect(f.service->counters().connections == 1);
  cr_expect(f.service->counters().failures == 0);
  cr_expect(f.service->counters().bytes_out == 12);
}

Test(tftp_service, takes_a_file_that_appears_when_it_is_whole) {
  Fixture f(kWritable);
  const std::string contents = pattern(3 * 512);
  cr_assert(f.ask(wire::wrq("new")) == wire::ack(0));
  f.store(contents, 3);
  cr_expect(f.directory.get("new") == "(none)");
  cr_assert(f.answer(wire::data(4, "")) == wire::ack(4));
  cr_expect(f.directory.get("new") == contents);
  cr_expect(f.directory.names().size() == 1);
  cr_assert(f.runs_until_idle());
  cr_expect(f.service->counters().bytes_in == contents.size());
}

Test(tftp_service, refuses_by_the_code_and_names_what_is_wrong) {
  Fixture f(TftpService::Options{.writable = true, .max_size = 1000});
  f.directory.put("there", "old");
  cr_assert(::mkdir(f.directory.path("folder").c_str(), 0777) == 0);
  cr_assert(::mkfifo(f.directory.path("fifo").c_str(), 0666) == 0);
  cr_expect(is_error(f.ask(wire::rrq("missing")), 1, "no such file: missing"));
  cr_expect(is_error(f.ask(wire::rrq("there/below")), 1, "there/below"));
  cr_expect(is_error(f.ask(wire::rrq(std::string(300, 'n'))), 1));
  cr_expect(is_error(f.ask(wire::rrq("folder")), 2, "directory"));
  cr_expect(is_error(f.ask(wire::rrq("/")), 2));
  cr_expect(is_error(f.ask(wire::rrq("fifo")), 2, "not a regular file"));
  cr_expect(is_error(f.ask(wire::wrq("folder")), 2, "directory"));
  cr_expect(is_error(f.ask(wire::wrq("fifo")), 2));
  cr_expect(is_error(f.ask(wire::wrq("a\nb")), 2, "a\\x0ab"));
  cr_expect(is_error(f.ask(wire::wrq("no/folder")), 1, "no/folder"));
  cr_expect(is_error(f.ask(wire::wrq("there")), 6, "there"));
  cr_expect(is_error(f.ask(wire::wrq("large", {"tsize", "1001"})), 3, "1000"));
  cr_expect(is_error(f.ask(wire::wrq("big/../large", {"tsize", "1001"})), 3));
  cr_expect(f.service->active() == 0);
  cr_expect(f.directory.names() == std::set<std::string>({"there", "folder", "fifo"}));
}

Test(tftp_service, refuses_a_file_for_which_the_disk_has_no_room) {
  Fixture f(kWritable);
  cr_expect(is_error(f.ask(wire::wrq("huge", {"tsize", "9000000000000000000"})), 3, "huge"));
  cr_expect(f.directory.names().empty());
}

Test(tftp_service, writes_nothing_unless_it_may) {
  Fixture f;
  cr_expect(is_error(f.ask(wire::wrq("new")), 2, "new"));
  cr_expect(f.directory.names().empty());
}

Test(tftp_service, replaces_a_file_when_it_may_and_only_by_a_whole_one) {
  Fixture f(TftpService::Options{.writable = true, .may_replace = true});
  f.directory.put("file", "old");
  cr_assert(f.ask(wire::wrq("file")) == wire::ack(0));
  f.store(pattern(512), 1);
  cr_expect(f.directory.get("file") == "old");
  cr_assert(f.answer(wire::data(2, "")) == wire::ack(2));
  cr_expect(f.directory.get("file") == pattern(512));
}

Test(tftp_service, answers_bad_requests_by_error_4) {
  Fixture f;
  using std::string;
  for (const string& bad :
       {wire::u16(1), wire::u16(2) + "name", wire::u16(1) + string("name\0octet", 10),
        wire::u16(1) + string("\0octet\0", 7), wire::rrq("f", {}, "mail"),
        wire::rrq("f", {}, "binary"), wire::rrq("f") + "blksize",
        wire::rrq("f") + string("blksize\0", 8), wire::rrq(string(3000, 'x'))}) {
    cr_expect(is_error(f.ask(bad), 4));
  }
  cr_expect(f.service->active() == 0);
}

Test(tftp_service, is_silent_to_what_is_no_request_or_is_an_error) {
  Fixture f;
  for (const std::string& bad : {std::string(), std::string("x"), std::string("\0\7name", 6),
                                 wire::error(0, "error"), wire::u16(5)}) {
    f.peer.send(f.server, bad);
  }
  cr_expect(f.peer.hears_nothing(f.reactor));
  cr_expect(is_error(f.ask(wire::data(1, "x")), 5));
  cr_expect(is_error(f.ask(wire::ack(1)), 5));
}

Test(tftp_service, keeps_every_name_inside_its_directory) {
  Fixture f(kWritable);
  f.directory.put("in", "inside");
  cr_assert(::mkdir(f.directory.path("a").c_str(), 0777) == 0);
  f.directory.put("a/b", "below");
  f.directory.put("a\\b", "backslash");
  cr_assert(::symlink("/etc/passwd", f.directory.path("out").c_str()) == 0);
  cr_assert(::symlink("../../../../../../etc", f.directory.path("up").c_str()) == 0);
  for (const char* name : {"in", "/in", "//in", "./in", "../in", "a/../in", "/../../in",
                           "a/../../../in", "none/../in"}) {
    Peer peer;
    cr_expect(f.ask(peer, wire::rrq(name)) == wire::data(1, "inside"), "%s", name);
  }
  Peer below, backslash;
  cr_expect(f.ask(below, wire::rrq("/a//b")) == wire::data(1, "below"));
  cr_expect(f.ask(backslash, wire::rrq("a\\b")) == wire::data(1, "backslash"));
  for (const char* name : {"../../../../../../../etc/passwd", "out", "up/passwd", "/etc/passwd",
                           "..\\..\\etc\\passwd"}) {
    cr_expect(is_error(f.ask(wire::rrq(name)), 1), "%s", name);
  }
  cr_expect(is_error(f.ask(wire::wrq("up/../../evil/new")), 1));
  cr_assert(f.ask(wire::wrq("../new")) == wire::ack(0));
  f.store("new");
  cr_expect(f.directory.get("new") == "new");
}

Test(tftp_service, hides_what_is_not_whole_yet) {
  Fixture f(kWritable);
  cr_assert(f.ask(wire::wrq("new")) == wire::ack(0));
  const std::string hidden = *f.directory.names().begin();
  Peer other;
  cr_expect(is_error(f.ask(other, wire::rrq(hidden)), 1));
  cr_expect(is_error(f.ask(other, wire::wrq(".sluice-0123456789abcdef.part")), 2));
}

Test(tftp_service, grants_the_options_it_knows_as_far_as_it_likes) {
  Fixture f(kWritable);
  f.directory.put("f", pattern(3000));
  const auto granted = [&](const std::string& request) {
    Peer peer;
    return f.ask(peer, request);
  };
  using wire::oack;
  using wire::rrq;
  cr_expect(granted(rrq("f", {"blksize", "1428"})) == oack({"blksize", "1428"}));
  cr_expect(granted(rrq("f", {"BLKSIZE", "8"})) == oack({"blksize", "8"}));
  cr_expect(granted(rrq("f", {"blksize", "65464"})) == oack({"blksize", "65464"}));
  cr_expect(granted(rrq("f", {"tsize", "0"})) == oack({"tsize", "3000"}));
  cr_expect(granted(rrq("f", {"windowsize", "1000"})) == oack({"windowsize", "64"}));
  cr_expect(granted(rrq("f", {"rollover", "1"})) == oack({"rollover", "1"}));
  cr_expect(granted(rrq("f", {"unknown", "7", "tsize", "0"})) == oack({"tsize", "3000"}));
  const std::string wide = granted(rrq("f", {"blksize", "65464", "windowsize", "64"}));
  cr_expect(wide == oack({"blksize", "65464", "windowsize", "16"}));
  cr_expect(granted(wire::wrq("new", {"tsize", "77"})) == oack({"tsize", "77"}));
  // Its timer is slower than ours; the size of the netascii form is not known.
  cr_expect(granted(rrq("f", {"timeout", "6", "tsize", "0"})) == oack({"tsize", "3000"}));
  cr_expect(granted(rrq("f", {"timeout", "6"})) == wire::data(1, pattern(3000).substr(0, 512)));
  cr_expect(granted(rrq("f", {"tsize", "0", "blksize", "1024"}, "netascii")) ==
            oack({"blksize", "1024"}));
}

Test(tftp_service, takes_malformed_options_as_not_there) {
  Fixture f;
  f.directory.put("f", pattern(3000));
  const std::string plain = wire::data(1, pattern(3000).substr(0, 512));
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"blksize", "7"},
                                                        {"blksize", "65465"},
                                                        {"blksize", "-512"},
                                                        {"blksize", ""},
                                                        {"blksize", "1428x"},
                                                        {"blksize", "99999999999999999999"},
                                                        {"windowsize", "0"},
                                                        {"windowsize", "65536"},
                                                        {"windowsize", "four"},
                                                        {"tsize", "-1"},
                                                        {"tsize", "99999999999999999999999"},
                                                        {"timeout", "0"},
                                                        {"timeout", "256"},
                                                        {"rollover", "2"},
                                                        {"multicast", ""},
                                                        {"", ""}}) {
    Peer peer;
    cr_expect(f.ask(peer, wire::rrq("f", {name, value})) == plain, "%s %s", name.c_str(),
              value.c_str());
  }
}

Test(tftp_service, says_so_when_it_has_no_descriptors_left) {
  Fixture f;
  f.directory.put("f", "x");
  cr_assert(f.ask(wire::rrq("missing")).size() > 4);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{3, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  cr_expect(is_error(f.ask(wire::rrq("f")), 0, "Too many open files"));
  setrlimit(RLIMIT_NOFILE, &before);
  cr_expect(f.ask(wire::rrq("f")) == wire::data(1, "x"));
}

Test(tftp_service, answers_from_the_address_that_was_asked) {
  Fixture f(TftpService::Options{.address = Address::any_v4(0), .writable = true});
  f.directory.put("f", "x");
  for (const char* host : {"127.0.0.1", "127.0.0.2", "127.1.2.3"}) {
    Peer peer;
    auto asked = *Address::parse(std::string(host) + ":0");
    asked.set_port(f.server.port());
    peer.send(asked, wire::rrq("f"));
    cr_expect(peer.get(f.reactor) == wire::data(1, "x"));
    cr_expect(peer.from.host() == host);
    peer.answer(wire::ack(1));
    peer.send(asked, wire::rrq("missing"));
    cr_expect(is_error(peer.get(f.reactor), 1));
    cr_expect(peer.from.host() == host);
  }
}

Test(tftp_service, says_what_keeps_it_from_starting) {
  Fixture f;
  Reactor reactor;
  TempDirectory directory;
  TftpService taken(reactor, {.address = f.server, .directory = directory.path()});
  const auto started = taken.start();
  cr_assert(!started);
  cr_expect(started.error().find("Address already in use") != std::string::npos);
  TftpService nowhere(reactor,
                      {.address = Address::loopback_v4(0), .directory = directory.path("missing")});
  cr_assert(!nowhere.start());
}

Test(tftp_service, tells_the_size_of_a_file_over_4_gib) {
  Fixture f;
  f.directory.put("f", "");
  cr_assert(::truncate(f.directory.path("f").c_str(), off_t{5} << 30) == 0);
  cr_expect(f.ask(wire::rrq("f", {"tsize", "0"})) == wire::oack({"tsize", "5368709120"}));
}
