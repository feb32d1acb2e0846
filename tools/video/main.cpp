#include <algorithm>
#include <span>

#include "reactor/text.h"
#include "tools/video/commands.h"
#include "tools/video/opencv.h"

namespace {

using namespace sluice;
using namespace sluice::tools;

struct Verb {
  std::string_view name;
  int (*run)(const Arguments& arguments);
  std::span<const std::string_view> options;
  std::size_t operands;  // beside the verb
};

constexpr std::string_view kOfServe[] = {"--source", "--width", "--fps", "--quality", "--payload",
                                         "--tcp",    "--http",  "--udp", "--rtp",     "--sdp"};
constexpr std::string_view kOfSend[] = {"--source", "--width", "--fps", "--quality",
                                        "--udp",    "--rtp",   "--sdp"};
constexpr std::string_view kOfReceive[] = {"--tcp",        "--udp",   "--rtp",
                                           "--show-stats", "--count", "--seconds"};
constexpr std::string_view kOfRecord[] = {"--tcp",   "--udp",   "--rtp",    "--fps",
                                          "--codec", "--count", "--seconds"};

constexpr Verb kVerbs[] = {{"serve", serve_video, kOfServe, 0},
                           {"send", send_video, kOfSend, 0},
                           {"receive", receive_video, kOfReceive, 0},
                           {"record", record_video, kOfRecord, 1}};

int run(const Arguments& arguments) {
  const auto& operands = arguments.operands;
  if (operands.empty()) return misused(kVideoName, "serve, send, receive or record?");
  for (const Verb& verb : kVerbs) {
    if (verb.name != operands[0]) continue;
    for (const auto& [name, value] : arguments.options) {
      if (std::ranges::find(verb.options, name) == verb.options.end()) {
        return misused(kVideoName, concat(name, " does not go with ", verb.name));
      }
    }
    if (operands.size() - 1 > verb.operands) {
      return misused(kVideoName, concat("unexpected argument ", operands[verb.operands + 1]));
    }
    quiet_opencv();
    return verb.run(arguments);
  }
  return misused(kVideoName, concat("serve, send, receive or record, not ", operands[0]));
}

constexpr Command kCommand{kVideoName, kVideoUsage, kVideoSummary, kVideoOptions, run};

}  // namespace

int main(int argc, char** argv) {
  prepare_process();
  return run_command(kCommand, std::span(argv + 1, argv + argc));
}
