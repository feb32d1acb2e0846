#include "protocols/multicast/receiver.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "protocols/multicast/sender.h"
#include "reactor/log.h"
#include "reactor/text.h"
#include "tests/support/loop.h"

using namespace sluice;
using namespace sluice::multicast;
using namespace std::chrono_literals;

namespace {

GroupSpec spec(std::string_view text) {
  auto parsed = parse_group_spec(text);
  cr_assert(parsed, "%s", parsed ? "" : parsed.error().c_str());
  return *parsed;
}

/// A Receiver on the loopback interface, and what it has handed over.
struct Fixture {
  explicit Fixture(SelectorKind kind, std::vector<GroupSpec> groups = {spec("239.77.3.1:0%lo")},
                   std::uint64_t count = 0)
      : reactor({.selector = kind}),
        receiver(reactor, {.groups = std::move(groups), .timestamps = true, .count = count},
                 [this](Receiver::Group& group, std::span<const Received> batch) {
                   for (const Received& one : batch) {
                     got.push_back(concat(group.spec().group.host(), ' ', as_text(one.bytes)));
                     timed.push_back(one.time != 0);
                   }
                   if (when_heard) when_heard();
                 }) {
    set_log_level(LogLevel::error);
    const auto started = receiver.start();
    cr_assert(started, "%s", started ? "" : started.error().c_str());
  }

  std::unique_ptr<Sender> sender(std::size_t group = 0, bool numbered = false) {
    GroupSpec to = receiver.groups()[group]->spec();
    to.interface = "lo";
    auto made =
        std::make_unique<Sender>(reactor, Sender::Options{.group = to, .numbered = numbered});
    cr_assert(made->open());
    return made;
  }
  bool wait_for(std::size_t count) {
    return run_until(reactor, [&] { return got.size() >= count; });
  }

  Reactor reactor;
  std::vector<std::string> got;
  std::vector<bool> timed;  // by the kernel
  std::function<void()> when_heard;
  Receiver receiver;
};

}  // namespace

TestEachSelector(multicast_receiver, hands_over_what_comes_in_order) {
  Fixture f(kind);
  cr_expect(f.receiver.memberships() == 1);
  const auto sender = f.sender();
  for (const std::string_view text : {"one", "", "three"}) cr_assert(sender->send(text));
  cr_assert(f.wait_for(3));
  const std::vector<std::string> expected = {"239.77.3.1 one", "239.77.3.1 ", "239.77.3.1 three"};
  cr_expect(f.got == expected);
}

TestEachSelector(multicast_receiver, keeps_groups_of_one_port_apart) {
  Fixture first(kind);
  const std::uint16_t port = first.receiver.groups()[0]->spec().group.port();
  Fixture f(kind,
            {spec(concat("239.77.3.2:", port, "%lo")), spec(concat("239.77.3.3:", port, "%lo"))});
  cr_assert(f.sender(1)->send("to the second"));
  cr_assert(first.sender()->send("to neither"));
  cr_assert(f.sender(0)->send("to the first"));
  cr_assert(f.wait_for(2));
  turn(f.reactor, 3);
  std::ranges::sort(f.got);
  const std::vector<std::string> expected = {"239.77.3.2 to the first", "239.77.3.3 to the second"};
  cr_expect(f.got == expected);
}

TestEachSelector(multicast_receiver, counts_what_the_sender_has_numbered) {
  Fixture f(kind);
  const auto sender = f.sender(0, true);
  sender->run("x", 300, 0, [] {});
  cr_assert(f.wait_for(300));
  Statistics& statistics = f.receiver.groups()[0]->statistics();
  cr_assert(statistics.sources().size() == 1);
  const Sequence* sequence = statistics.sources()[0]->sequence.get();
  cr_assert(sequence);
  cr_expect(sequence->received() == 300);
  cr_expect(sequence->lost() == 0);
  cr_expect(sequence->delay().least > 0);
  cr_expect(f.receiver.groups()[0]->dropped() == 0);
  cr_expect(sender->sent() == 300);
}

TestEachSelector(multicast_receiver, asks_when_things_arrive_once_they_are_numbered) {
  Fixture f(kind);
  const auto plain = f.sender(), numbered = f.sender(0, true);
  cr_assert(plain->send("a"));
  cr_assert(f.wait_for(1));
  cr_assert(plain->send("b"));
  cr_assert(f.wait_for(2));
  cr_assert(numbered->send("c"));
  cr_assert(f.wait_for(3));
  cr_assert(plain->send("d"));
  cr_assert(f.wait_for(4));
  const std::vector<bool> expected = {false, false, false, true};
  cr_expect(f.timed == expected);
}

TestEachSelector(multicast_receiver, stops_at_its_count) {
  Fixture f(kind, {spec("239.77.3.1:0%lo")}, 5);
  const auto sender = f.sender();
  for (int i = 0; i < 20; ++i) cr_assert(sender->send("x"));
  cr_assert(run_until(f.reactor, [&] { return f.receiver.stopped(); }));
  cr_expect(f.got.size() == 5);
  cr_expect(f.receiver.complete());
  cr_expect(f.receiver.memberships() == 0);
  cr_expect(f.receiver.groups()[0]->statistics().all().datagrams == 5);
}

TestEachSelector(multicast_receiver, can_be_stopped_in_its_call_and_hands_over_what_is_there) {
  Fixture f(kind);
  const auto sender = f.sender();
  for (int i = 0; i < 200; ++i) cr_assert(sender->send("x"));
  f.when_heard = [&] { f.receiver.stop(); };
  cr_assert(run_until(f.reactor, [&] { return f.receiver.stopped(); }));
  cr_expect(f.got.size() == 200, "%zu", f.got.size());
  cr_assert(sender->send("late"));
  turn(f.reactor, 3);
  cr_expect(f.got.size() == 200);
}

TestEachSelector(multicast_receiver, joins_on_every_interface_that_is_up_when_none_is_named) {
  Fixture f(kind, {spec("239.77.3.1:0")});
  cr_expect(f.receiver.memberships() >= 1);
  cr_assert(f.sender()->send("by lo"));
  cr_assert(f.wait_for(1));
  turn(f.reactor, 3);
  cr_expect(f.got.size() == 1);  // once, on however many it is joined
}

Test(multicast_receiver, refuses_an_interface_that_is_not_there_and_a_group_named_twice) {
  Reactor reactor;
  const auto error_of = [&](std::vector<GroupSpec> groups) {
    Receiver receiver(reactor, {.groups = std::move(groups)},
                      [](Receiver::Group&, std::span<const Received>) {});
    const auto started = receiver.start();
    return started ? std::string() : started.error();
  };
  cr_expect(error_of({spec("239.77.3.1:5%nosuch")}) == "there is no network interface nosuch");
  const GroupSpec one = spec("239.77.3.1:5007%lo");
  cr_expect(error_of({one, one}) == "239.77.3.1:5007 is named twice");
}

TestEachSelector(multicast_sender, keeps_to_its_rate_and_fills_up_to_its_size) {
  Fixture f(kind);
  GroupSpec to = f.receiver.groups()[0]->spec();
  to.interface = "lo";
  Sender sender(f.reactor, {.group = to, .size = 10});
  cr_assert(sender.open());
  bool done = false;
  const TimePoint begin = f.reactor.now();
  sender.run("text", 4, 100, [&] { done = true; });
  cr_assert(run_until(f.reactor, [&] { return done && f.got.size() == 4; }));
  cr_expect(f.reactor.now() - begin >= 30ms);
  cr_expect(f.got[3] == "239.77.3.1 text......");
}

TestEachSelector(multicast_sender, counts_what_cannot_be_sent_and_goes_on) {
  Fixture f(kind);
  GroupSpec to = f.receiver.groups()[0]->spec();
  to.interface = "lo";
  Sender sender(f.reactor, {.group = to});
  cr_assert(sender.open());
  bool done = false;
  sender.run(std::string(65'508, 'x'), 3, 0, [&] { done = true; });
  cr_assert(run_until(f.reactor, [&] { return done; }));
  cr_expect(sender.failed() == 3);
  cr_expect(sender.sent() == 0);
  const auto sent = sender.send(std::string(65'508, 'x'));
  cr_expect(!sent && sent.error().code == EMSGSIZE);
}
