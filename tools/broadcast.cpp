#include <thread>

#include "protocols/broadcast/receiver.h"
#include "protocols/broadcast/targets.h"
#include "reactor/printable.h"
#include "reactor/socket.h"
#include "reactor/text.h"
#include "tools/run_loop.h"

namespace sluice::tools {
namespace {

constexpr std::string_view kName = "broadcast";
constexpr std::string_view kEverybody = "255.255.255.255";
constexpr std::string_view kDefaultTo = "255.255.255.255:5008";
constexpr std::string_view kDefaultAt = ":5008";

class BroadcastSender {
 public:
  BroadcastSender(const Address& to, std::string_view interface, std::string_view text)
      : to_(to), interface_(interface), text_(text) {}

  /// Once to each network; to how many it went. Complains of what does not work.
  std::size_t round(Socket& socket) const {
    std::vector<broadcast::Target> targets = {{"", to_}};
    if (to_.host() == kEverybody) {
      auto found = broadcast::targets(to_.port(), interface_);
      if (!found) {
        complain(kName, concat(interface_, interface_.empty() ? "" : ": ",
                               std::strerror(found.error().code)));
        return 0;
      }
      targets = std::move(*found);
      if (targets.empty()) {
        complain(kName, interface_.empty()
                            ? "no interface is up and can broadcast; 127.255.255.255 reaches this "
                              "machine"
                            : concat(interface_, " is not up, or has no network to broadcast to"));
      }
    }
    std::size_t count = 0;
    for (const broadcast::Target& target : targets) {
      const auto sent = socket.sendto(text_, target.address);
      if (sent) {
        ++count;
      } else {
        const bool long_one = sent.error().code == EMSGSIZE;
        complain(kName, concat(target.interface, target.interface.empty() ? "" : ": ",
                               target.address, ": ", std::strerror(sent.error().code),
                               long_one ? ": a datagram has room for 65507 bytes" : ""));
      }
    }
    return count;
  }

 private:
  Address to_;
  std::string_view interface_, text_;
};

int send(const Arguments& arguments) {
  if (arguments.operands.size() < 2) return misused(kName, "send what? TEXT is missing");
  if (arguments.operands.size() > 2) return misused(kName, "too many arguments");
  const std::string_view text = arguments.value("--to").value_or(kDefaultTo);
  const auto to = Address::parse(text);
  if (!to) return misused(kName, concat("--to ", text, ": ", to.error().operation));
  if (to->family() != AF_INET) return misused(kName, "only IPv4 has broadcast; see multicast");
  if (to->is_multicast()) return misused(kName, concat(text, " is a group; see multicast"));
  if (to->port() == 0) return misused(kName, concat("--to ", text, ": the port is missing"));
  const std::string_view interface = arguments.value("--interface").value_or("");
  if (!interface.empty() && to->host() != kEverybody) {
    return misused(kName, concat("--interface goes with ", kEverybody, ": ", to->host(),
                                 " is of one interface already"));
  }
  const auto count = number_option(arguments, "--count", 1, 1, UINT64_MAX);
  if (!count) return misused(kName, count.error());
  const auto every = number_option(arguments, "--every", 1000, 0, 86'400'000);
  if (!every) return misused(kName, every.error());

  auto socket = Socket::udp();
  auto allowed =
      socket ? socket->setsockopt(option::broadcast, true) : std::unexpected(socket.error());
  if (!allowed) return complain(kName, allowed.error().message());
  const BroadcastSender sender(*to, interface, arguments.operands[1]);
  bool all = true;
  for (std::uint64_t i = 0; i < *count; ++i) {
    if (i > 0) std::this_thread::sleep_for(std::chrono::milliseconds(*every));
    all = sender.round(*socket) > 0 && all;
  }
  return all ? kOk : kNetwork;
}

/// What was heard, a line each.
class Printer {
 public:
  /// Stops the loop after `count`; 0: never.
  Printer(Reactor& reactor, std::uint64_t count) : reactor_(reactor), count_(count) {}

  void hear(const Received& received) {
    if (!printed_ || (count_ != 0 && heard_ == count_)) return;
    std::string_view text = as_text(received.bytes);
    if (text.ends_with('\n')) text.remove_suffix(1);
    printed_ = print(concat(received.from, ": ", printable(text), '\n')) == kOk;
    if (++heard_ == count_ || !printed_) reactor_.stop();
  }

  int status(Ended ended) const {
    return printed_ && (ended != Ended::time || heard_ >= count_) ? kOk : kFailed;
  }

 private:
  Reactor& reactor_;
  std::uint64_t count_;
  std::uint64_t heard_ = 0;
  bool printed_ = true;
};

int receive(const Arguments& arguments) {
  if (arguments.operands.size() > 2) return misused(kName, "too many arguments");
  const std::string_view text = arguments.operands.size() == 2 ? arguments.operands[1] : kDefaultAt;
  const auto at = Address::parse(text);
  if (!at) return misused(kName, concat(text, ": ", at.error().operation));
  if (at->family() != AF_INET) return misused(kName, "only IPv4 has broadcast; see multicast");
  if (at->is_multicast()) return misused(kName, concat(text, " is a group; see multicast"));
  const auto count = number_option(arguments, "--count", 0, 1, UINT64_MAX);
  if (!count) return misused(kName, count.error());
  const auto seconds = number_option(arguments, "--seconds", 0, 1, 1'000'000'000);
  if (!seconds) return misused(kName, seconds.error());

  Reactor reactor;
  Printer printer(reactor, *count);
  broadcast::Receiver receiver(reactor, [&](const Received& received) { printer.hear(received); });
  if (auto opened = receiver.open(*at); !opened) {
    return complain(kName, opened.error().message(at->to_string()));
  }
  LoopOptions options;
  if (*seconds > 0) options.at_most = std::chrono::seconds(*seconds);
  const std::string announce = concat("listening on ", receiver.address());
  options.announce = announce;
  const auto ended = run_loop(reactor, options);
  if (!ended) return complain(kName, ended.error());
  if (receiver.dropped() > 0) {
    complain(kName, concat(receiver.dropped(), " datagrams came too fast and were dropped"));
  }
  return printer.status(*ended);
}

int run(const Arguments& arguments) {
  if (arguments.operands.empty()) return misused(kName, "send or receive?");
  const std::string_view verb = arguments.operands[0];
  const std::string_view strays_of_send[] = {"--to", "--interface", "--every"};
  if (verb == "send") {
    if (arguments.has("--seconds")) return misused(kName, "--seconds goes with receive");
    return send(arguments);
  }
  if (verb != "receive") return misused(kName, concat("send or receive, not ", verb));
  for (const std::string_view stray : strays_of_send) {
    if (arguments.has(stray)) return misused(kName, concat(stray, " goes with send"));
  }
  return receive(arguments);
}

constexpr Option kOptions[] = {
    {"--to", "ADDRESS:PORT", "send there (255.255.255.255:5008: each network this machine is on)"},
    {"--interface", "NAME", "send to the network of that interface only"},
    {"--count", "N", "send it N times (1); end when N have been received"},
    {"--every", "MILLISECONDS", "between them (1000)"},
    {"--seconds", "N", "receive for so long; with --count: 1 when fewer came"},
};

}  // namespace

const Command kBroadcast{
    "broadcast", "broadcast send TEXT [OPTION …] | broadcast receive [ADDRESS:PORT]",
    "Sends a text to everybody on the network, or prints what is sent so.", kOptions, run};

}  // namespace sluice::tools
