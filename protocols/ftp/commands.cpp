#include "protocols/ftp/commands.h"

#include <algorithm>
#include <vector>

namespace sluice::ftp {
namespace {

constexpr CommandSpec unsupported(std::string_view verb) {
  return {verb, {}, Argument::optional, false, 0, nullptr};
}

/// RFC 959's mount, and what needs TLS or Kerberos (RFC 2228), virtual hosts, languages (RFC 2640),
/// the long addresses of RFC 1639.
constexpr CommandSpec kUnsupported[] = {
    unsupported("SMNT"), unsupported("AUTH"), unsupported("ADAT"), unsupported("PROT"),
    unsupported("PBSZ"), unsupported("CCC"),  unsupported("MIC"),  unsupported("CONF"),
    unsupported("ENC"),  unsupported("HOST"), unsupported("LANG"), unsupported("LPRT"),
    unsupported("LPSV"), unsupported("XSEM"), unsupported("XSEN"), unsupported("XRSQ"),
    unsupported("XRCP"), unsupported("MLFL"), unsupported("MAIL"), unsupported("MSND"),
    unsupported("MSOM"), unsupported("MSAM"), unsupported("MRSQ"), unsupported("MRCP"),
    unsupported("SPSV"), unsupported("MFCT"), unsupported("COMB"), unsupported("CSID"),
};

std::vector<const CommandSpec*> sorted_commands() {
  std::vector<const CommandSpec*> all;
  for (const auto group : {session_commands(), path_commands(), transfer_commands(),
                           digest_commands(), unsupported_commands()}) {
    for (const CommandSpec& spec : group) all.push_back(&spec);
  }
  std::ranges::sort(all, {}, &CommandSpec::verb);
  return all;
}

}  // namespace

std::span<const CommandSpec> unsupported_commands() {
  return kUnsupported;
}

const CommandSpec* find_command(std::string_view verb) {
  static const std::vector<const CommandSpec*> commands = sorted_commands();
  const auto found = std::ranges::lower_bound(commands, verb, {}, &CommandSpec::verb);
  return found != commands.end() && (*found)->verb == verb ? *found : nullptr;
}

}  // namespace sluice::ftp
