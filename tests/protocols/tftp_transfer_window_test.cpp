#include "protocols/tftp/transfer.h"

#include "tests/protocols/tftp_transfer_scene.h"

using namespace sluice;
using namespace sluice::tftp;
using namespace std::chrono_literals;
using Kind = Ended::Kind;
using Fixture = TransferScene;

namespace {

/// Sends a file in windows of four blocks of 8 bytes.
struct Sender : Fixture {
  Sender() { send_file(contents, {.block_size = 8, .window = 4}); }
  void expect_blocks(unsigned first, unsigned last) {
    for (unsigned block = first; block <= last; ++block) {
      const auto packet = peer.get(reactor);
      cr_assert(packet == wire::data(block, contents.substr((block - 1) * 8, 8)), "%u", block);
    }
    cr_assert(peer.hears_nothing(reactor));
  }

  const std::string contents = pattern(100 * 8);
};

}  // namespace

Test(tftp_transfer, sends_whole_windows_and_goes_on_behind_what_arrived) {
  Sender f;
  f.expect_blocks(1, 4);
  f.answer(wire::ack(4));
  f.expect_blocks(5, 8);
  f.answer(wire::ack(6));  // 7 was lost
  f.expect_blocks(7, 10);
  f.clock.advance(20ms);  // all of it was lost
  f.expect_blocks(7, 10);
  f.answer(wire::ack(10));
  f.expect_blocks(11, 14);
  for (unsigned block = 14; block < 98; block += 4) {
    f.answer(wire::ack(block));
    f.expect_blocks(block + 1, block + 4 > 101 ? 101 : block + 4);
  }
  f.answer(wire::ack(98));
  f.expect_blocks(99, 101);
  f.answer(wire::ack(101));
  cr_assert(f.runs_until_ended());
  cr_expect(f.ended().kind == Kind::whole);
  cr_expect(f.ended().bytes == 800);
  cr_expect(f.ended().resent == 6);
}

/// On a way that loses much hardly a block is sent once only: Karn's algorithm alone would never
/// know the round trip, nor get rid of a wrong one.
Test(tftp_transfer, learns_the_round_trip_where_no_window_passes_whole) {
  for (const bool slow_first : {false, true}) {
    Sender f;
    f.expect_blocks(1, 4);
    unsigned at = 0;
    if (slow_first) {
      f.clock.advance(200ms);
      f.answer(wire::ack(at = 4));
      f.expect_blocks(5, 8);
    }
    f.clock.advance(slow_first ? 600ms : 250ms);
    f.expect_blocks(at + 1, at + 4);
    for (int i = 0; i < 3; ++i) {
      f.answer(wire::ack(at += 2));
      f.expect_blocks(at + 1, at + 4);
    }
    f.clock.advance(20ms);
    f.expect_blocks(at + 1, at + 4);
  }
}

Test(tftp_transfer, acknowledges_whole_windows_and_tells_of_a_gap) {
  Fixture f;
  f.receive_file({.block_size = 8, .window = 4});
  const std::string contents = pattern(8 * 8 + 3);
  const auto send = [&](unsigned block) {
    f.answer(wire::data(block, contents.substr((block - 1) * 8, 8)));
  };
  for (unsigned block = 1; block <= 4; ++block) send(block);
  cr_assert(f.peer.get(f.reactor) == wire::ack(4));
  send(5);
  send(7);  // 6 is missing
  cr_assert(f.peer.get(f.reactor) == wire::ack(5));
  send(8);
  cr_assert(f.peer.hears_nothing(f.reactor));
  for (unsigned block = 6; block <= 9; ++block) send(block);
  cr_assert(f.peer.get(f.reactor) == wire::ack(9));
  cr_assert(f.runs_until_ended());
  cr_expect(f.ended().kind == Kind::whole);
  cr_expect(f.sink.text == contents);
}

Test(tftp_transfer, leaves_a_sender_of_windows_its_own_tries_before_it_helps) {
  Fixture f;
  f.receive_file({.block_size = 8, .window = 4});
  f.answer(wire::data(1, pattern(8)));
  turn(f.reactor, 5);
  f.clock.advance(159ms);  // of which it sends again after 20, 60 and 140
  cr_expect(f.peer.hears_nothing(f.reactor));
  f.clock.advance(1ms);
  cr_expect(f.peer.get(f.reactor) == wire::ack(1));
}

Test(tftp_transfer, sends_blocks_of_the_largest_size_in_windows_of_a_mebibyte) {
  Fixture f;
  const std::string contents = pattern(40 * 65464 + 1);
  f.send_file(contents, {.block_size = 65464, .window = 16});
  std::string got;
  for (unsigned block = 1; block <= 41; ++block) {
    std::string packet;
    for (;;) {  // what the socket had no room for comes again
      std::optional<std::string> next = f.peer.poll();
      if (next && next->starts_with(wire::data(block, ""))) {
        packet = *next;
        break;
      }
      if (!next) {
        f.clock.advance(5ms);
        turn(f.reactor);
      }
    }
    got += packet.substr(4);
    if (block % 16 == 0 || block == 41) f.answer(wire::ack(block));
  }
  cr_assert(f.runs_until_ended());
  cr_expect(got == contents);
  cr_expect(f.ended().bytes == contents.size());
}
