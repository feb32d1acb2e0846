#include <unistd.h>

#include "reactor/text.h"
#include "reactor/write_all.h"
#include "tools/command.h"

namespace {

using namespace sluice;
using namespace sluice::tools;

const Command* const kCommands[] = {
    &kServe, &kEcho, &kTime, &kWords,   &kDrop,    &kReceive,   &kPasswd,           &kFtp,
    &kGet,   &kPut,  &kChat, &kUdpEcho, &kUdpFile, &kBroadcast, &kMulticastCommand, &kVideo};

std::string overview() {
  std::string text = "usage: sluice COMMAND [ARGUMENT …]\n\n";
  for (const Command* command : kCommands) {
    text += concat("  ", command->name, std::string(10 - command->name.size(), ' '),
                   command->summary.substr(0, command->summary.find('\n')), '\n');
  }
  return text + "\n'sluice COMMAND --help' tells the rest; 'sluice --version' the version.\n";
}

}  // namespace

int main(int argc, char** argv) {
  prepare_process();
  if (argc < 2) {
    complain("(no command)", "name one of these");
    (void)write_all(STDERR_FILENO, overview());
    return kWrongUsage;
  }
  const std::string_view name = argv[1];
  const bool help = name == "help" && argc > 2;
  if (name == "--help" || name == "-h" || (name == "help" && !help)) return print(overview());
  if (name == "--version") {
    return print(version_line());
  }
  const std::string_view wanted = help ? argv[2] : name;
  for (const Command* command : kCommands) {
    if (command->name != wanted) continue;
    return help ? print(help_of(*command))
                : run_command(*command, std::span(argv + 2, argv + argc));
  }
  complain(wanted, "no such command (see 'sluice --help')");
  return kWrongUsage;
}
