#include "reactor/link_watch.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "reactor/multicast.h"
#include "tests/support/loop.h"
#include "tests/support/own_network.h"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

using Change = LinkWatch::Change;
using Event = LinkWatch::Event;

/// In a network of its own, everything that a LinkWatch tells about "wire".
struct Scene {
  explicit Scene(SelectorKind kind)
      : reactor({.selector = kind}), watch(reactor, [this](const Change& change) {
          if (change.name != "wire2") changes.push_back(change);
          if (when_changed) when_changed();
        }) {
    const auto started = watch.start();
    cr_assert(started.has_value(), "%s", started ? "" : started.error().message().c_str());
  }
  void add_wire() { network.add_pair("wire", "wire2"); }
  /// Turns until a change satisfies `wanted`.
  template <class Wanted>
  bool is_told(Wanted wanted) {
    return run_until(reactor, [&] { return std::ranges::any_of(changes, wanted); });
  }

  OwnNetwork network;
  Reactor reactor;
  std::vector<Change> changes;
  std::function<void()> when_changed;
  LinkWatch watch;
};

constexpr auto is_up = [](const Change& change) {
  return change.event == Event::changed && change.name == "wire" && change.up;
};
constexpr auto is_down = [](const Change& change) {
  return change.event == Event::changed && change.name == "wire" && !change.up;
};
constexpr auto is_removed = [](const Change& change) {
  return change.event == Event::removed && change.name == "wire";
};
constexpr auto is_uncertain = [](const Change& change) { return change.event == Event::uncertain; };

}  // namespace

TestEachSelector(link_watch, tells_that_an_interface_comes_goes_up_and_down_and_away) {
  Scene scene(kind);
  scene.add_wire();
  const unsigned index = if_nametoindex("wire");
  cr_assert(scene.is_told(is_down), "a new one is not up");
  cr_expect_not(std::ranges::any_of(scene.changes, is_up));
  cr_expect_eq(scene.changes.back().index, index);

  scene.changes.clear();
  scene.network.set_up("wire", true);
  cr_assert(scene.is_told(is_up));
  cr_expect_eq(scene.changes.back().index, index);

  scene.changes.clear();
  scene.network.set_up("wire", false);
  cr_assert(scene.is_told(is_down));

  scene.changes.clear();
  scene.network.remove("wire");
  cr_assert(scene.is_told(is_removed));
  const auto removed = std::ranges::find_if(scene.changes, is_removed);
  cr_expect(removed->index == index && !removed->up);
}

TestEachSelector(link_watch, tells_the_new_number_of_an_interface_that_comes_back) {
  Scene scene(kind);
  scene.add_wire();
  const unsigned before = if_nametoindex("wire");
  scene.network.remove("wire");
  cr_assert(scene.is_told(is_removed));
  scene.changes.clear();
  scene.add_wire();
  cr_assert(scene.is_told(is_down));
  cr_expect_neq(scene.changes.back().index, before);
  cr_expect_eq(scene.changes.back().index, if_nametoindex("wire"));
}

TestEachSelector(link_watch, tells_nothing_of_what_was_before) {
  Scene scene(kind);
  turn(scene.reactor, 3);
  cr_expect(scene.changes.empty());
}

TestEachSelector(link_watch, tells_that_it_may_have_missed_something_and_goes_on) {
  Scene scene(kind);
  scene.add_wire();
  // Nobody reads meanwhile: the kernel's queue for it overflows.
  for (int i = 0; i < 2000; ++i) scene.network.set_up("wire", i % 2 == 0);
  cr_assert(scene.is_told(is_uncertain));
  const auto uncertain = std::ranges::find_if(scene.changes, is_uncertain);
  cr_expect(uncertain->name.empty() && uncertain->index == 0);
  cr_assert(run_until(scene.reactor, [&] {
    const auto before = scene.changes.size();
    turn(scene.reactor, 5);
    return scene.changes.size() == before;
  }));
  scene.changes.clear();
  scene.network.set_up("wire", true);
  cr_assert(scene.is_told(is_up));
  cr_expect_not(std::ranges::any_of(scene.changes, is_uncertain));
}

TestEachSelector(link_watch, believes_the_kernel_only) {
  Scene scene(kind);
  // The first netlink socket of a process has the process' number (netlink(7)).
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } forged{};
  forged.header.nlmsg_len = sizeof forged;
  forged.header.nlmsg_type = RTM_DELLINK;
  forged.link.ifi_index = 1;
  const Fd forger(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  ::sockaddr_nl to{};
  to.nl_family = AF_NETLINK;
  to.nl_pid = static_cast<unsigned>(getpid());
  const auto* address = reinterpret_cast<const ::sockaddr*>(&to);
  if (sendto(forger.get(), &forged, sizeof forged, 0, address, sizeof to) < 0) {
    cr_skip("nobody but the kernel can send there");
  }
  scene.network.add_pair("wire", "wire2");
  cr_assert(scene.is_told(is_down));
  for (const Change& change : scene.changes) cr_expect_neq(change.index, 1);
}

TestEachSelector(link_watch, can_be_started_anew) {
  Scene scene(kind);
  cr_assert(scene.watch.start());
  scene.add_wire();
  cr_assert(scene.is_told(is_down));
  turn(scene.reactor, 3);
  // One watch has one of each; two of them would have told twice.
  cr_expect_eq(std::ranges::count_if(scene.changes, is_removed), 0);
  scene.network.remove("wire");
  cr_assert(scene.is_told(is_removed));
  turn(scene.reactor, 5);
  cr_expect_eq(std::ranges::count_if(scene.changes, is_removed), 1);
}

TestEachSelector(link_watch, can_be_retired_within_its_call) {
  OwnNetwork network;
  Reactor reactor({.selector = kind});
  int told = 0;
  std::unique_ptr<LinkWatch> watch;
  watch = std::make_unique<LinkWatch>(reactor, [&](const Change&) {
    ++told;
    reactor.retire(std::move(watch));
  });
  cr_assert(watch->start());
  for (int i = 0; i < 4; ++i) network.set_up("lo", i % 2 == 0);
  cr_assert(run_until(reactor, [&] { return told > 0; }));
  turn(reactor, 5);
  cr_expect_eq(told, 1);
}

TestEachSelector(link_watch, and_the_list_of_interfaces_agree) {
  Scene scene(kind);
  scene.add_wire();
  scene.network.set_up("wire", true);
  cr_assert(scene.is_told(is_up));
  const auto found = find_interface("wire");
  cr_assert(found.has_value());
  cr_expect(found->up && found->index == scene.changes.back().index);
}
