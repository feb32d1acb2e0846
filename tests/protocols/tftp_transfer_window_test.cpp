#include "protocols/tftp/transfer.h"

#include "tests/protocols/tftp_transfer_scene.h"

using namespace sluice;
using namespace sluice::tftp;
using namespace std::chrono_literals;
using Kind = Ended::Kind;
using Fixture = TransferScene;

Test(tftp_transfer, sends_whole_windows_and_goes_on_behind_what_arrived) {
  Fixture f;
  const std::string contents = pattern(100 * 8);
  f.send_file(contents, {.block_size = 8, .window = 4});
  const auto expect_blocks = [&](unsigned first, unsigned last) {
    for (unsigned block = first; block <= last; ++block) {
      const auto packet = f.peer.get(f.reactor);
      cr_assert(packet == wire::data(block, contents.substr((block - 1) * 8, 8)), "%u", block);
    }
    cr_assert(f.peer.hears_nothing(f.reactor));
  };
  expect_blocks(1, 4);
  f.answer(wire::ack(4));
  expect_blocks(5, 8);
  f.answer(wire::ack(6));  // 7 was lost
  expect_blocks(7, 10);
  f.clock.advance(20ms);  // all of it was lost
  expect_blocks(7, 10);
  f.answer(wire::ack(10));
  expect_blocks(11, 14);
  for (unsigned block = 14; block < 98; block += 4) {
    f.answer(wire::ack(block));
    expect_blocks(block + 1, block + 4 > 101 ? 101 : block + 4);
  }
  f.answer(wire::ack(98));
  expect_blocks(99, 101);
  f.answer(wire::ack(101));
  cr_assert(f.runs_until_ended());
  cr_expect(f.ended().kind == Kind::whole);
  cr_expect(f.ended().bytes == 800);
  cr_expect(f.ended().resent == 6);
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
