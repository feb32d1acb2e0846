#include "protocols/tftp/transfer.h"

#include "tests/protocols/tftp_transfer_scene.h"

using namespace sluice;
using namespace sluice::tftp;
using namespace std::chrono_literals;
using Kind = Ended::Kind;
using State = Transfer::State;
using Fixture = TransferScene;

namespace {

/// Takes all blocks as a well-behaved receiver does.
std::string receive_all(Fixture& f, std::size_t block_size) {
  std::string got;
  for (unsigned block = 1;; ++block) {
    const std::string packet = f.peer.get(f.reactor);
    cr_assert(packet.starts_with(wire::data(block, "")), "block %u", block);
    got += packet.substr(4);
    f.answer(wire::ack(block));
    if (packet.size() < block_size + 4) return got;
  }
}

/// A file of one block, of which the acknowledgement has gone: it dallies.
void receive_whole(Fixture& f) {
  f.receive_file();
  f.answer(wire::data(1, "all"));
  cr_assert(f.peer.get(f.reactor) == wire::ack(1));
  cr_assert(f.runs_until_ended());
}

}  // namespace

Test(tftp_transfer, sends_files_of_every_length_around_a_block) {
  for (const std::size_t size : {0, 1, 511, 512, 513, 1024, 70'000, 131'072}) {
    Fixture f;
    f.send_file(pattern(size));
    cr_expect(receive_all(f, 512) == pattern(size), "%zu", size);
    cr_assert(f.runs_until_ended());
    cr_expect(f.ended().kind == Kind::whole);
    cr_expect(f.ended().bytes == size);
    cr_expect(f.ended().resent == 0);
    cr_expect(f.transfer->state() == State::over);
  }
}

Test(tftp_transfer, receives_files_of_every_length_around_a_block) {
  for (const std::size_t size : {0, 1, 511, 512, 513, 1024, 70'000, 131'072}) {
    Fixture f;
    f.receive_file();
    const std::string contents = pattern(size);
    for (std::size_t block = 1; block <= size / 512 + 1; ++block) {
      cr_assert(f.sink.finished == 0);
      f.answer(wire::data(static_cast<unsigned>(block), contents.substr((block - 1) * 512, 512)));
      cr_assert(f.peer.get(f.reactor) == wire::ack(static_cast<unsigned>(block)));
    }
    cr_assert(f.runs_until_ended());
    cr_expect(f.ended().kind == Kind::whole);
    cr_expect(f.ended().bytes == size);
    cr_expect(f.sink.text == contents, "%zu", size);
    cr_expect(f.sink.finished == 1);
    cr_expect(f.transfer->state() == State::dallying);
  }
}

Test(tftp_transfer, answers_a_stranger_by_error_5_and_goes_on) {
  Fixture f;
  f.send_file(pattern(600));
  cr_assert(f.peer.get(f.reactor).size() == 516);
  const Address id = f.peer.from;
  Peer other_port;
  // The same port, but of another host; and an error of a stranger, which is not answered.
  Peer other_host("127.0.0.2", f.peer.self().port());
  other_port.send(id, wire::ack(1));
  other_host.send(id, wire::ack(1));
  cr_expect(is_error(other_port.get(f.reactor), 5));
  cr_expect(is_error(other_host.get(f.reactor), 5));
  other_port.send(id, wire::error(0, "go away"));
  other_host.send(id, "nonsense");
  cr_expect(is_error(other_host.get(f.reactor), 5));
  cr_expect(other_port.hears_nothing(f.reactor));
  cr_expect(f.peer.hears_nothing(f.reactor));
  f.peer.send(id, wire::ack(1));
  cr_expect(f.peer.get(f.reactor).size() == 4 + 88);
  f.answer(wire::ack(2));
  cr_assert(f.runs_until_ended());
  cr_expect(f.ended().kind == Kind::whole);
}

Test(tftp_transfer, answers_an_acknowledgement_once_however_often_it_comes) {
  Fixture f;
  f.send_file(pattern(2000));
  cr_assert(f.peer.get(f.reactor).starts_with(wire::data(1, "")));
  for (int i = 0; i < 5; ++i) f.answer(wire::ack(1));
  cr_assert(f.peer.get(f.reactor).starts_with(wire::data(2, "")));
  cr_expect(f.peer.hears_nothing(f.reactor));
  cr_expect(f.transfer->bytes() == 512);
}

Test(tftp_transfer, sends_again_after_the_measured_round_trip_and_waits_longer_each_time) {
  Fixture f;
  f.send_file(pattern(2000));
  cr_assert(f.peer.get(f.reactor).starts_with(wire::data(1, "")));
  f.answer(wire::ack(1));  // in no time: the floor
  cr_assert(f.peer.get(f.reactor).starts_with(wire::data(2, "")));
  for (const auto wait : {20ms, 40ms, 80ms}) {
    f.clock.advance(wait - 1ms);
    cr_expect(f.peer.hears_nothing(f.reactor));
    f.clock.advance(1ms);
    cr_expect(f.peer.get(f.reactor).starts_with(wire::data(2, "")));
  }
  f.answer(wire::ack(2));
  cr_expect(f.peer.get(f.reactor).starts_with(wire::data(3, "")));
  f.answer(wire::ack(3));
  cr_expect(f.peer.get(f.reactor).starts_with(wire::data(4, "")));
  f.answer(wire::ack(4));
  cr_assert(f.runs_until_ended());
  cr_expect(f.ended().resent == 3);
}

Test(tftp_transfer, gives_up_who_does_not_answer_for_its_patience) {
  Fixture f;
  f.transfer_options.patience = 3s;
  f.send_file(pattern(100));
  cr_assert(f.peer.get(f.reactor).size() == 104);
  for (int i = 0; i < 30 && f.states.empty(); ++i) {
    f.clock.advance(100ms);
    turn(f.reactor, 3);
    cr_expect((i == 29) == !f.states.empty(), "%d", i);
    while (f.peer.poll()) {
    }
  }
  cr_assert(f.runs_until_ended());
  cr_expect(f.ended().kind == Kind::silent);
}

Test(tftp_transfer, does_not_take_the_same_again_for_a_sign_of_life) {
  Fixture f;
  f.transfer_options.patience = 3s;
  f.receive_file();
  f.answer(wire::data(1, pattern(512)));
  cr_assert(f.peer.get(f.reactor) == wire::ack(1));
  for (int i = 0; i < 31 && f.states.empty(); ++i) {
    f.clock.advance(100ms);
    f.answer(wire::data(1, pattern(512)));
    turn(f.reactor, 5);
  }
  cr_expect(f.runs_until_ended());
  cr_expect(f.ended().kind == Kind::silent);
  cr_expect(f.sink.finished == 0);
}

Test(tftp_transfer, repeats_the_first_acknowledgement_until_data_come) {
  Fixture f;
  f.receive_file();
  f.clock.advance(250ms);
  cr_assert(f.peer.get(f.reactor) == wire::ack(0));
  f.answer(wire::data(1, "x"));
  cr_assert(f.peer.get(f.reactor) == wire::ack(1));
  cr_assert(f.runs_until_ended());
  cr_expect(f.sink.text == "x");
  cr_expect(f.ended().resent == 1);
}

Test(tftp_transfer, does_not_answer_a_block_again_that_crossed_its_acknowledgement) {
  Fixture f;
  f.receive_file();
  const std::string block = wire::data(1, pattern(512));
  f.answer(block);
  cr_assert(f.peer.get(f.reactor) == wire::ack(1));
  for (int i = 0; i < 5; ++i) f.answer(block);
  cr_expect(f.peer.hears_nothing(f.reactor));
  f.clock.advance(15ms);  // half of the least time that a sender of ours waits, and more
  f.answer(block);
  cr_expect(f.peer.get(f.reactor) == wire::ack(1), "that one was sent again");
}

Test(tftp_transfer, answers_what_is_sent_again_soon_however_late_other_blocks_came) {
  Fixture f;
  f.receive_file();
  f.answer(wire::data(1, pattern(512)));
  cr_assert(f.peer.get(f.reactor) == wire::ack(1));
  f.clock.advance(200ms);  // the sender's timer, as that acknowledgement was lost, or the block
  f.answer(wire::data(2, pattern(512)));
  cr_assert(f.peer.get(f.reactor) == wire::ack(2));
  f.clock.advance(20ms);
  f.answer(wire::data(2, pattern(512)));
  cr_expect(f.peer.get(f.reactor) == wire::ack(2));
}

Test(tftp_transfer, dallies_for_as_long_as_a_sender_tries) {
  Fixture f;
  receive_whole(f);
  // What it said meanwhile was lost on the way.
  f.clock.advance(Transfer::Options{}.patience - 1s);
  f.answer(wire::data(1, "all"));
  cr_expect(f.peer.get(f.reactor) == wire::ack(1));
}

Test(tftp_transfer, acknowledges_a_repeated_last_block_while_it_dallies) {
  Fixture f;
  receive_whole(f);
  for (int i = 0; i < 3; ++i) {
    f.clock.advance(6s);
    f.answer(wire::data(1, "all"));
    cr_assert(f.peer.get(f.reactor) == wire::ack(1));
  }
  f.answer(wire::data(2, "more"));
  f.answer("\0");
  cr_expect(f.peer.hears_nothing(f.reactor));
  cr_expect(f.states.size() == 1);
  f.clock.advance(Transfer::kDally);
  cr_assert(run_until(f.reactor, [&] { return f.states.size() == 2; }));
  cr_expect(f.states[0] == State::dallying && f.states[1] == State::over);
  cr_expect(f.sink.finished == 1);
  cr_expect(f.sink.text == "all");
}

Test(tftp_transfer, ends_at_once_when_the_peers_port_is_closed) {
  Fixture f;
  f.send_file(pattern(1000));
  cr_assert(f.peer.get(f.reactor).size() == 516);
  f.peer.vanish();
  f.clock.advance(250ms);
  cr_assert(f.runs_until_ended());
  cr_expect(f.ended().kind == Kind::unreachable);
  cr_expect(f.ended().error.code == ECONNREFUSED);
}

Test(tftp_transfer, keeps_what_an_error_of_the_peer_says) {
  Fixture f;
  f.receive_file();
  f.answer(wire::error(3, "no more room"));
  cr_assert(f.runs_until_ended());
  cr_expect(f.ended().kind == Kind::refused);
  cr_expect(f.ended().code == 3);
  cr_expect(f.ended().text == "no more room");
  cr_expect(f.ended().sentence() == "no more room (3)");
  cr_expect(f.peer.hears_nothing(f.reactor));
}

Test(tftp_transfer, answers_what_is_no_packet_by_error_4) {
  for (const std::string& bad : {std::string("x"), std::string("\0\7ab", 4), wire::u16(3),
                                 wire::data(1, std::string(513, 'x'))}) {
    Fixture f;
    f.receive_file();
    f.answer(bad);
    cr_expect(is_error(f.peer.get(f.reactor), 4));
    cr_assert(f.runs_until_ended());
    cr_expect(f.ended().kind == Kind::nonsense);
    cr_expect(f.sink.finished == 0);
  }
}

Test(tftp_transfer, tells_the_peer_when_the_disk_fails) {
  Fixture full;
  full.receive_file();
  full.sink.fails_with = ENOSPC;
  full.answer(wire::data(1, "x"));
  cr_expect(is_error(full.peer.get(full.reactor), 3));
  cr_assert(full.runs_until_ended());
  cr_expect(full.ended().kind == Kind::local && full.ended().error.code == ENOSPC);

  Fixture taken;
  taken.receive_file();
  taken.sink.finish_fails_with = EEXIST;
  taken.answer(wire::data(1, "x"));
  cr_expect(is_error(taken.peer.get(taken.reactor), 6));
  cr_assert(taken.runs_until_ended());

  Fixture broken;
  broken.source.emplace(pattern(10'000'000));
  broken.source->fails_at = 1;
  broken.open({}, {});
  for (unsigned block = 1;; ++block) {
    const std::string packet = broken.peer.get(broken.reactor);
    if (!packet.starts_with(wire::data(block, ""))) {
      cr_expect(is_error(packet, 0));
      break;
    }
    broken.answer(wire::ack(block));
  }
  cr_assert(broken.runs_until_ended());
  cr_expect(broken.ended().error.code == EIO);
}

Test(tftp_transfer, tells_the_peer_when_it_is_aborted) {
  Fixture f;
  f.receive_file();
  f.transfer->abort(ErrorCode::undefined, "enough");
  cr_expect(f.states.empty());
  cr_expect(is_error(f.peer.get(f.reactor), 0, "enough"));
  cr_assert(f.runs_until_ended());
  cr_expect(f.ended().kind == Kind::aborted);
}
