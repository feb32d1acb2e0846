#include "protocols/multicast/receiver.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "reactor/log.h"
#include "reactor/text.h"

namespace sluice::multicast {
namespace {

constexpr std::string_view kWho = "multicast";

std::int64_t wall_clock() {
  timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

/// An IPv6 group of this link means another one on each: it can be bound with its interface only.
Address bound_to(const Address& group, unsigned interface_index) {
  if (group.family() != AF_INET6 || !is_link_local_group(group)) return group;
  auto zoned = Address::parse(concat('[', group.host(), '%', interface_index, "]:", group.port()));
  return zoned ? *zoned : group;
}

}  // namespace

/// A group on one interface.
struct Receiver::Member final : DatagramHandler {
  Member(Receiver& of_receiver, Group& of_group)
      : receiver(&of_receiver), group(&of_group), socket(*of_receiver.reactor_, *this) {}

  void on_datagrams(Datagram&, std::span<const Received> batch) noexcept override {
    receiver->arrived(*this, batch);
  }
  void on_error(Datagram&, const Address&, Error error) noexcept override {
    log(LogLevel::debug, kWho, group->name(), " on ", interface, ": ", error.message());
  }
  const Address* source() const { return group->spec().source ? &*group->spec().source : nullptr; }
  bool joined() const { return index != 0; }
  void close() {
    index = 0;
    if (!socket.is_open()) return;
    group->dropped_before_ += socket.dropped();
    socket.close();
  }

  Receiver* receiver;
  Group* group;
  Datagram socket;
  std::string interface;
  unsigned index = 0;  // of the interface; 0: it is gone
  bool up = false;
  bool timed = false;  // the kernel is asked when things arrive
  TimePoint heard{};
};

// --- a group -------------------------------------------------------------------------------------

Receiver::Group::Group(GroupSpec spec, TimePoint start, std::size_t max_sources)
    : spec_(std::move(spec)), name_(spec_.to_string()), statistics_(start, max_sources) {}
Receiver::Group::~Group() = default;

std::uint64_t Receiver::Group::dropped() {
  std::uint64_t dropped = dropped_before_;
  for (const auto& member : members_) {
    if (member->socket.is_open()) dropped += member->socket.dropped();
  }
  return dropped;
}

// --- beginning and end ---------------------------------------------------------------------------

Receiver::Receiver(Reactor& reactor, Options options, OnDatagrams on_datagrams)
    : reactor_(&reactor),
      options_(std::move(options)),
      on_datagrams_(std::move(on_datagrams)),
      links_(reactor, [this](const LinkWatch::Change& change) { on_link(change); }),
      reconcile_(reactor.timer([this] { (void)reconcile(); })),
      left_(options_.count) {}

Receiver::~Receiver() {
  on_datagrams_ = [](Group&, std::span<const Received>) {};  // whose it was may be gone
  stop();
}

Started Receiver::start() {
  for (const GroupSpec& spec : options_.groups) {
    if (auto added = add_group(spec); !added) return added;
  }
  // Before looking at the interfaces, so that no change falls between.
  if (auto watching = links_.start(); !watching) {
    log(LogLevel::warning, kWho,
        "no news of interfaces, so none is joined again: ", watching.error().message());
  }
  if (auto joined = reconcile(); !joined) return joined;
  for (const auto& group : groups_) {
    if (group->members_.empty()) {
      log(LogLevel::warning, kWho, group->name(), " waits for an interface to come up");
    }
  }
  if (options_.renew_silent > Duration::zero()) {
    renew_ = reactor_->every(options_.renew_silent, [this] { renew_silent(); });
  }
  return {};
}

Started Receiver::add_group(const GroupSpec& spec) {
  GroupSpec wanted = spec;
  if (!wanted.interface.empty()) {
    const auto found = find_interface(wanted.interface);
    if (!found) {
      return std::unexpected(concat("there is no network interface ", wanted.interface));
    }
    wanted.interface = found->name;
  }
  for (const auto& group : groups_) {
    if (group->spec() == wanted) return std::unexpected(concat(group->name(), " is named twice"));
  }
  groups_.push_back(
      std::make_unique<Group>(std::move(wanted), reactor_->now(), options_.max_sources));
  return {};
}

void Receiver::stop() {
  if (std::exchange(stopped_, true)) return;
  reconcile_.stop();
  renew_.stop();
  for (const auto& group : groups_) {
    for (const auto& member : group->members_) leave(*member);
  }
}

void Receiver::leave(Member& member) {
  Group& group = *member.group;
  if (member.joined()) {
    // Closing would do as well, but tells nothing.
    auto left = leave_group(member.socket.fd(), group.spec().group, member.index, member.source());
    if (left) log(LogLevel::info, kWho, "left ", group.name(), " on ", member.interface);
  }
  // Nothing more comes, so this ends.
  std::uint64_t before = UINT64_MAX;
  while (member.socket.is_open() && before != group.statistics_.all().datagrams) {
    before = group.statistics_.all().datagrams;
    member.socket.on_readable();
  }
  member.close();
}

std::size_t Receiver::memberships() const {
  std::size_t count = 0;
  for (const auto& group : groups_) {
    count += static_cast<std::size_t>(
        std::ranges::count_if(group->members_, [](const auto& m) { return m->joined(); }));
  }
  return count;
}

void Receiver::average() {
  for (const auto& group : groups_) group->statistics_.average(reactor_->now());
}

void Receiver::tick() {
  for (const auto& group : groups_) group->statistics_.tick(reactor_->now());
}

// --- interfaces ----------------------------------------------------------------------------------

/// Joins wherever there is something to join that is not joined.
Started Receiver::reconcile() {
  if (stopped_) return {};
  const auto there = interfaces();
  if (!there) return std::unexpected(there.error().message());
  for (const auto& group : groups_) {
    if (auto done = reconcile(*group, *there); !done) return done;
  }
  return {};
}

Started Receiver::reconcile(Group& group, const std::vector<Interface>& interfaces) {
  const std::string& named = group.spec().interface;
  auto& members = group.members_;
  for (const Interface& interface : interfaces) {
    // lo does not say that it can, but can.
    const bool usable = interface.up && (interface.multicast || interface.loopback);
    if (named.empty() ? !usable : interface.name != named) continue;
    const auto same = [&](const auto& member) {
      return member->joined() ? member->index == interface.index
                              : member->interface == interface.name;
    };
    auto found = std::ranges::find_if(members, same);
    if (found == members.end() && !named.empty()) found = members.begin();  // it has another number
    if (found != members.end() && (*found)->index == interface.index) {
      (*found)->interface = interface.name;
      continue;
    }
    auto fresh = found == members.end() ? std::make_unique<Member>(*this, group) : nullptr;
    Member& member = fresh ? *fresh : **found;
    if (auto joined = join(member, interface); !joined) {
      const std::string why = concat("cannot join ", group.name(), " on ", interface.name, ": ",
                                     joined.error().message());
      log(named.empty() ? LogLevel::debug : LogLevel::warning, kWho, why);
      if (!named.empty() && fresh) return std::unexpected(why);
      continue;
    }
    if (fresh) members.push_back(std::move(fresh));
  }
  // Those of containers come under a new name each time.
  if (named.empty()) {
    std::erase_if(members, [](const auto& member) {
      if (!member->joined()) member->close();
      return !member->joined();
    });
  }
  return {};
}

Result<void> Receiver::join(Member& member, const Interface& interface) {
  Group& group = *member.group;
  member.close();
  const Address address = bound_to(group.spec_.group, interface.index);
  auto opened = member.socket.open(
      address,
      {.count_drops = true, .share_address = true, .receive_buffer = options_.receive_buffer});
  if (!opened) return opened;
  const int fd = member.socket.fd();
  // What the kernel cannot keep away otherwise is other people's groups of this port.
  (void)only_joined_groups(fd, address.family());
  auto joined = join_group(fd, group.spec_.group, interface.index, member.source());
  if (!joined) {
    member.socket.close();
    return joined;
  }
  if (group.spec_.group.port() == 0) {
    group.spec_.group.set_port(member.socket.address().port());
    group.name_ = group.spec_.to_string();
  }
  member.timed = false;
  member.interface = interface.name;
  member.index = interface.index;
  member.up = interface.up;
  member.heard = reactor_->now();
  log(LogLevel::info, kWho, "joined ", group.name(), " on ", interface.name,
      interface.up ? "" : ", which is down", "; ", member.socket.receive_buffer() / 1024,
      " KiB may wait");
  return {};
}

void Receiver::on_link(const LinkWatch::Change& change) {
  if (stopped_) return;
  for (const auto& group : groups_) {
    for (const auto& member : group->members_) {
      const bool all = change.event == LinkWatch::Event::uncertain;
      if (!member->joined() || (!all && member->index != change.index)) continue;
      if (change.event != LinkWatch::Event::changed) {
        lose(*member);
      } else if (std::exchange(member->up, change.up) != change.up) {
        log(LogLevel::warning, kWho, member->interface, " is ", change.up ? "up again" : "down",
            ": ", group->name(), change.up ? " comes there" : " waits for it");
      }
    }
  }
  reconcile_.start(Duration::zero());
}

/// The membership is gone with the interface. What waits in the socket can still be read.
void Receiver::lose(Member& member) {
  member.socket.on_readable();
  if (!member.joined()) return;
  log(LogLevel::warning, kWho, member.interface, " is gone: ", member.group->name(),
      " is joined there again when it comes back");
  member.index = 0;
}

void Receiver::renew_silent() {
  for (const auto& group : groups_) {
    for (const auto& member : group->members_) {
      if (!member->joined() || reactor_->now() - member->heard < options_.renew_silent) continue;
      const int fd = member->socket.fd();
      (void)leave_group(fd, group->spec().group, member->index, member->source());
      auto joined = join_group(fd, group->spec().group, member->index, member->source());
      log(LogLevel::info, kWho, "nothing comes for ", group->name(), " on ", member->interface,
          ": left and joined again", joined ? "" : concat("; ", joined.error().message()));
      if (!joined) member->index = 0;
    }
  }
}

// --- what comes ----------------------------------------------------------------------------------

void Receiver::arrived(Member& member, std::span<const Received> batch) {
  Group& group = *member.group;
  if (options_.count != 0) {
    batch = batch.first(std::min<std::uint64_t>(batch.size(), left_));
    left_ -= batch.size();
    if (batch.empty()) return;
  }
  member.heard = reactor_->now();
  std::int64_t now = 0;
  bool numbered = false;
  for (const Received& one : batch) {
    if (one.time == 0 && now == 0) now = wall_clock();
    numbered |= group.statistics_.add(one.from, one.bytes, one.time != 0 ? one.time : now);
  }
  if (numbered && options_.timestamps && !std::exchange(member.timed, true)) {
    member.socket.fill_in_times();
  }
  on_datagrams_(group, batch);
  if (complete()) stop();
}

}  // namespace sluice::multicast
