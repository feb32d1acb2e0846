#include <algorithm>

#include "reactor/text.h"
#include "tools/multicast/commands.h"

namespace sluice::tools {
namespace {

constexpr Option kOptions[] = {
    {"--interface", "NAME",
     "its name, number or address; to receive on, as it stands all that are"},
    {"", "", "up, to send on the one that the routing table names"},
    {"--ttl", "N", "send: routers that it may pass, and one (2); 0: stays on this machine"},
    {"--count", "N", "send so many (1), 0: until ^C; end when so many have come"},
    {"--rate", "N", "send so many a second (1); 0: as fast as they go"},
    {"--numbered", "", "send with a header, by which --stats tells loss, jitter and delay"},
    {"--size", "BYTES", "send datagrams of so many, filled up with dots"},
    {"--no-loop", "", "send so that this machine does not hear it"},
    {"--source", "ADDR", "receive only what comes from there; SSM groups (232.0.0.0/8) need it"},
    {"--seconds", "N", "receive for so long; with --count: 1 when fewer came"},
    {"--write", "FILE", "append what comes to FILE as it is; - is standard output"},
    {"--exec", "COMMAND", "a shell command that reads it, a line each; its end ends all"},
    {"--raw", "", "no newline behind each for --exec"},
    {"--stats", "", "a table of groups and sources in place of what they say; in a pipe lines"},
    {"", "", "of JSON, a second each"},
    {"--renew", "SECONDS",
     "leave and join when nothing came for so long, for switches that forget"},
    {"", "", "(120 is a good one)"},
    {"--verbose", "", "tell of joining and leaving"},
};

constexpr std::string_view kDefaultGroup = "224.0.0.255:5007";

constexpr std::string_view kOfSend[] = {"--ttl", "--rate", "--numbered", "--size", "--no-loop"};
constexpr std::string_view kOfReceive[] = {"--source", "--seconds", "--write", "--exec",
                                           "--raw",    "--stats",   "--renew", "--verbose"};

int run(const Arguments& arguments) {
  if (arguments.operands.empty()) return misused(kMulticast, "send or receive?");
  const std::string_view verb = arguments.operands[0];
  const bool sends = verb == "send";
  if (!sends && verb != "receive") {
    return misused(kMulticast, concat("send or receive, not ", verb));
  }
  const std::span<const std::string_view> strays =
      sends ? std::span<const std::string_view>(kOfReceive) : kOfSend;
  for (const std::string_view stray : strays) {
    if (arguments.has(stray)) {
      return misused(kMulticast, concat(stray, " goes with ", sends ? "receive" : "send"));
    }
  }
  Arguments complete = arguments;
  if (complete.operands.size() == 1) complete.operands.push_back(kDefaultGroup);
  return sends ? send_multicast(complete) : receive_multicast(complete);
}

}  // namespace

const Command kMulticastCommand{
    "multicast",
    "multicast send [GROUP:PORT [TEXT]] [OPTION …]\n"
    "       sluice multicast receive [GROUP:PORT …] [OPTION …]",
    "Sends a text, or each line of standard input, to a group; prints what is sent to groups.\n"
    "Without one it is 224.0.0.255:5007.\n"
    "A group may also be given as udp://SOURCE@GROUP:PORT%INTERFACE.",
    kOptions, run};

}  // namespace sluice::tools
