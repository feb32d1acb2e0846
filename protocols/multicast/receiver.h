#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "protocols/multicast/group_spec.h"
#include "protocols/multicast/limits.h"
#include "protocols/multicast/statistics.h"
#include "protocols/service.h"
#include "reactor/datagram.h"
#include "reactor/link_watch.h"
#include "reactor/multicast.h"

namespace sluice::multicast {

/// Receives what is sent to groups. A group has a socket of its own on each interface it is joined
/// on, bound to the group, so that nothing arrives that was not asked for, and neither the 20
/// memberships that Linux gives a socket nor an interface's new number are anybody's concern.
///
/// An interface that goes and comes back, by its name, is joined again; with no interface named,
/// those that come up later are joined, too. What it does it says in the log. The Reactor must
/// outlive it. Not movable.
class Receiver {
 public:
  struct Options {
    std::vector<GroupSpec> groups;
    bool timestamps =
        false;  ///< statistics of numbered datagrams go by the kernel's time of arrival
    std::uint64_t count = 0;  ///< stops after so many datagrams; 0: never
    /// Leaves and joins where nothing came for so long, for switches that forget; zero: never.
    Duration renew_silent = Duration::zero();
    std::size_t receive_buffer = limits::kReceiveBuffer;
    std::size_t max_sources = Statistics::kMaxSources;  ///< of a group
  };

  class Group;
  /// What has arrived for one group: at least one datagram, gone when the call returns, or has
  /// called stop(), which it may.
  using OnDatagrams = Function<void(Group& group, std::span<const Received> batch)>;

  Receiver(Reactor& reactor, Options options, OnDatagrams on_datagrams);
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  ~Receiver();

  /// Joins. Fails when an interface that is named is not there, or cannot be joined on; that one of
  /// several cannot be when none is named is only logged.
  Started start();
  /// Leaves all groups; what has come by then is handed over first, from inside, unless it is more
  /// than Options::count. Statistics stay.
  void stop();
  bool stopped() const { return stopped_; }
  /// Whether Options::count have come.
  bool complete() const { return options_.count != 0 && left_ == 0; }

  const std::vector<std::unique_ptr<Group>>& groups() const { return groups_; }
  /// How many groups are joined on how many interfaces.
  std::size_t memberships() const;
  /// Makes the rates of all statistics anew.
  void tick();
  /// For the end: rates of all the time that it took.
  void average();

 private:
  struct Member;

  Started add_group(const GroupSpec& spec);
  Started reconcile();
  Started reconcile(Group& group, const std::vector<Interface>& interfaces);
  Result<void> join(Member& member, const Interface& interface);
  void on_link(const LinkWatch::Change& change);
  void lose(Member& member);
  void renew_silent();
  void leave(Member& member);
  void arrived(Member& member, std::span<const Received> batch);

  Reactor* reactor_;
  Options options_;
  OnDatagrams on_datagrams_;
  std::vector<std::unique_ptr<Group>> groups_;
  LinkWatch links_;
  Timer reconcile_;  // once, for all that happened in a turn
  Timer renew_;
  std::uint64_t left_ = 0;  // of options_.count
  bool stopped_ = false;
};

/// One group of a Receiver, which owns it.
class Receiver::Group {
 public:
  Group(GroupSpec spec, TimePoint start, std::size_t max_sources);
  ~Group();

  const GroupSpec& spec() const { return spec_; }  ///< after port 0 with the port that was chosen
  const std::string& name() const { return name_; }
  Statistics& statistics() { return statistics_; }
  /// Datagrams that the kernel had no room for.
  std::uint64_t dropped();

 private:
  friend class Receiver;

  GroupSpec spec_;
  std::string name_;
  Statistics statistics_;
  std::vector<std::unique_ptr<Member>> members_;
  std::uint64_t dropped_before_ = 0;  // by sockets that are closed
};

}  // namespace sluice::multicast
