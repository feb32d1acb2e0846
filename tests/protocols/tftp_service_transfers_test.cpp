#include "protocols/tftp/tftp_service.h"

#include "tests/protocols/tftp_service_scene.h"

using namespace sluice;
using namespace sluice::tftp;
using namespace std::chrono_literals;
using Fixture = TftpServiceScene;

namespace {

const TftpService::Options kWritable{.writable = true};

}  // namespace

Test(tftp_service, begins_once_its_options_are_acknowledged) {
  Fixture f;
  f.directory.put("f", pattern(3000));
  const auto asked = wire::rrq("f", {"blksize", "1024", "windowsize", "2"});
  cr_assert(f.ask(asked) == wire::oack({"blksize", "1024", "windowsize", "2"}));
  f.clock.advance(250ms);  // the client has not got it
  cr_assert(f.peer.get(f.reactor) == wire::oack({"blksize", "1024", "windowsize", "2"}));
  cr_expect(f.answer(wire::ack(0)) == wire::data(1, pattern(3000).substr(0, 1024)));
  cr_expect(f.peer.get(f.reactor) == wire::data(2, pattern(3000).substr(1024, 1024)));
  cr_expect(f.answer(wire::ack(2)) == wire::data(3, pattern(3000).substr(2048)));
  f.peer.answer(wire::ack(3));
  cr_assert(f.runs_until_idle());
}

Test(tftp_service, starts_nothing_new_for_a_doubled_request) {
  Fixture f;
  f.directory.put("f", pattern(1000));
  f.peer.send(f.server, wire::rrq("f"));
  f.peer.send(f.server, wire::rrq("f"));
  cr_assert(f.peer.get(f.reactor).size() == 516);
  const Address id = f.peer.from;
  f.peer.send(f.server, wire::rrq("f"));
  cr_expect(f.peer.hears_nothing(f.reactor));
  cr_expect(f.service->active() == 1);
  cr_expect(f.service->counters().connections == 1);
  f.peer.send(id, wire::ack(1));
  cr_assert(f.peer.get(f.reactor) == wire::data(2, pattern(1000).substr(512)));
  cr_expect(f.peer.from == id);
}

Test(tftp_service, serves_a_client_that_asks_for_something_else_from_the_same_port) {
  Fixture f;
  f.directory.put("one", "1");
  f.directory.put("two", "2");
  cr_assert(f.ask(wire::rrq("one")) == wire::data(1, "1"));
  cr_assert(f.ask(wire::rrq("two")) == wire::data(1, "2"));
  f.peer.answer(wire::ack(1));
  cr_assert(f.runs_until_idle());
  cr_assert(f.ask(wire::rrq("two")) == wire::data(1, "2"));
}

Test(tftp_service, serves_a_client_that_was_interrupted_and_asks_the_same_again) {
  Fixture f;
  f.directory.put("f", pattern(1000));
  cr_assert(f.ask(wire::rrq("f")).size() == 516);
  cr_assert(f.answer(wire::ack(1)).starts_with(wire::data(2, "")));
  f.clock.advance(2s);
  turn(f.reactor, 3);
  while (f.peer.poll()) {
  }
  cr_expect(f.ask(wire::rrq("f")).starts_with(wire::data(1, "")));
  cr_expect(f.service->active() == 1);
}

Test(tftp_service, takes_the_next_file_from_a_port_for_which_it_dallies) {
  Fixture f(kWritable);
  cr_assert(f.ask(wire::wrq("one")) == wire::ack(0));
  f.store("1");
  const Address id = f.peer.from;
  cr_assert(f.runs_until_idle());
  cr_assert(f.ask(wire::wrq("two")) == wire::ack(0));
  f.store("2");
  f.peer.send(id, wire::data(1, "1"));
  cr_expect(f.peer.get(f.reactor) == wire::ack(1));
  cr_expect(f.peer.from == id);
  cr_expect(f.directory.get("one") == "1" && f.directory.get("two") == "2");
}

Test(tftp_service, leaves_nothing_of_an_upload_that_breaks) {
  Fixture f(kWritable);
  cr_assert(f.ask(wire::wrq("refused")) == wire::ack(0));
  f.peer.answer(wire::error(0, "I give up"));
  cr_assert(f.runs_until_idle());
  Peer vanishing;
  cr_assert(f.ask(vanishing, wire::wrq("vanished")) == wire::ack(0));
  vanishing.vanish();
  f.clock.advance(250ms);
  cr_assert(f.runs_until_idle());
  cr_assert(f.ask(wire::wrq("silent")) == wire::ack(0));
  f.store(pattern(200 * 512), 150);
  for (int i = 0; i < 30; ++i) {
    f.clock.advance(1s);
    turn(f.reactor, 2);
  }
  cr_assert(f.runs_until_idle());
  cr_expect(f.directory.names().empty());
  cr_expect(f.service->counters().failures == 3);
}

Test(tftp_service, ends_an_upload_that_grows_too_large) {
  Fixture f(TftpService::Options{.writable = true, .max_size = 100'000});
  cr_assert(f.ask(wire::wrq("f")) == wire::ack(0));
  const std::string block = pattern(512);
  std::string got;
  for (unsigned number = 1; number < 1000; ++number) {
    got = f.answer(wire::data(number, block));
    if (got != wire::ack(number)) break;
  }
  cr_expect(is_error(got, 3));
  cr_assert(f.runs_until_idle());
  cr_expect(f.directory.names().empty());
}

Test(tftp_service, lets_the_first_of_two_uploads_have_the_name) {
  Fixture f(kWritable);
  Peer other;
  cr_assert(f.ask(wire::wrq("name")) == wire::ack(0));
  cr_assert(f.ask(other, wire::wrq("name")) == wire::ack(0));
  f.store("first");
  other.answer(wire::data(1, "second"));
  cr_expect(is_error(other.get(f.reactor), 6));
  cr_expect(f.directory.get("name") == "first");
  cr_expect(f.directory.names().size() == 1);
}

Test(tftp_service, translates_netascii_across_the_borders_of_blocks) {
  Fixture f(kWritable);
  const std::string line(511, 'x');
  f.directory.put("f", line + "\nsecond\rend\n");
  cr_assert(f.ask(wire::rrq("f", {}, "NetASCII")) == wire::data(1, line + "\r"));
  cr_assert(f.answer(wire::ack(1)) == wire::data(2, std::string("\nsecond\r\0end\r\n", 14)));
  f.peer.answer(wire::ack(2));
  cr_assert(f.runs_until_idle());
  cr_assert(f.ask(wire::wrq("g", {}, "netascii")) == wire::ack(0));
  cr_assert(f.answer(wire::data(1, line + "\r")) == wire::ack(1));
  cr_assert(f.answer(wire::data(2, std::string("\nsecond\r\0end\r\n", 14))) == wire::ack(2));
  cr_expect(f.directory.get("g") == f.directory.get("f"));
}

Test(tftp_service, bounds_transfers_in_all) {
  Fixture f(TftpService::Options{.max_transfers = 2});
  f.directory.put("f", "x");
  Peer one, two;
  cr_assert(f.ask(one, wire::rrq("f")) == wire::data(1, "x"));
  cr_assert(f.ask(two, wire::rrq("f")) == wire::data(1, "x"));
  cr_expect(is_error(f.ask(wire::rrq("f")), 0, "too many transfers at once"));
  one.answer(wire::ack(1));
  cr_assert(run_until(f.reactor, [&] { return f.service->active() == 1; }));
  cr_expect(f.ask(wire::rrq("f")) == wire::data(1, "x"));
}

Test(tftp_service, bounds_transfers_of_one_address) {
  Fixture f(TftpService::Options{.max_per_address = 1, .bound_loopback = true});
  f.directory.put("f", "x");
  Peer same, other("127.0.0.2");
  cr_assert(f.ask(wire::rrq("f")) == wire::data(1, "x"));
  cr_expect(is_error(f.ask(same, wire::rrq("f")), 0, "from this address"));
  cr_expect(f.ask(other, wire::rrq("f")) == wire::data(1, "x"));
}

Test(tftp_service, waits_for_transfers_when_it_drains_but_not_for_who_dallies) {
  Fixture f(kWritable);
  f.directory.put("f", "x");
  bool finished = false;
  f.service->on_finished([&finished] { finished = true; });
  Peer writer, late;
  writer.send(f.server, wire::wrq("new"));
  cr_assert(writer.get(f.reactor) == wire::ack(0));
  writer.answer(wire::data(1, "new"));
  cr_assert(writer.get(f.reactor) == wire::ack(1));
  cr_assert(f.ask(wire::rrq("f")) == wire::data(1, "x"));
  f.service->drain();
  late.send(f.server, wire::rrq("f"));
  cr_expect(late.hears_nothing(f.reactor));
  cr_expect(!finished && !f.service->finished());
  f.peer.answer(wire::ack(1));
  cr_assert(run_until(f.reactor, [&] { return finished; }));
  cr_expect(f.service->finished());
}

Test(tftp_service, tells_its_clients_when_it_is_aborted_and_leaves_nothing) {
  Fixture f(kWritable);
  bool finished = false;
  f.service->on_finished([&finished] { finished = true; });
  cr_assert(f.ask(wire::wrq("new")) == wire::ack(0));
  f.store(pattern(1024), 1);
  f.service->abort();
  cr_expect(is_error(f.peer.get(f.reactor), 0, "the server ends"));
  cr_assert(run_until(f.reactor, [&] { return finished; }));
  cr_expect(f.directory.names().empty());
}

/// Over 65,535 blocks, whichever number follows that.
static void roll_over(unsigned rollover) {
  Fixture f(kWritable);
  constexpr unsigned kBlocks = 65'700;
  const std::string contents = pattern(kBlocks * 8 - 3);
  f.directory.put("f", contents);
  const std::string number = std::to_string(rollover);
  const std::vector<std::string> options{"blksize", "8", "windowsize", "64", "rollover", number};
  const auto on_wire = [rollover](unsigned block) {
    return block <= 65'535 ? block : block - 65'536 + rollover;
  };
  cr_assert(f.ask(wire::rrq("f", options)) == wire::oack(options));
  f.peer.answer(wire::ack(0));
  std::string got;
  for (unsigned block = 1; block <= kBlocks; ++block) {
    const std::string packet = f.peer.get(f.reactor);
    cr_assert(packet.starts_with(wire::data(on_wire(block), "")), "%u", block);
    got += packet.substr(4);
    if (block % 64 == 0 || block == kBlocks) f.peer.answer(wire::ack(on_wire(block)));
  }
  cr_assert(f.runs_until_idle());
  cr_expect(got == contents);

  cr_assert(f.ask(wire::wrq("g", options)) == wire::oack(options));
  for (unsigned block = 1; block <= kBlocks; ++block) {
    f.peer.answer(wire::data(on_wire(block), contents.substr((block - 1) * 8, 8)));
    if (block % 64 != 0 && block != kBlocks) continue;
    cr_assert(f.peer.get(f.reactor) == wire::ack(on_wire(block)), "%u", block);
  }
  cr_assert(f.runs_until_idle());
  cr_expect(f.directory.get("g") == contents);
}

Test(tftp_service, goes_on_with_0_behind_block_65535) {
  roll_over(0);
}

Test(tftp_service, goes_on_with_1_behind_block_65535_when_asked_to) {
  roll_over(1);
}
