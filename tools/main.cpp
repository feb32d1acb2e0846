#include <csignal>

#include "reactor/text.h"
#include "tools/command.h"

namespace {

using namespace sluice;
using namespace sluice::tools;

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "0.1"
#endif

const Command* const kCommands[] = {&kServe, &kEcho, &kTime, &kWords, &kDrop, &kReceive};

std::string overview() {
  std::string text = "usage: sluice COMMAND [ARGUMENT …]\n\n";
  for (const Command* command : kCommands) {
    text += concat("  ", command->name, std::string(10 - command->name.size(), ' '),
                   command->summary, '\n');
  }
  return text + "\n'sluice COMMAND --help' tells the rest; 'sluice --version' the version.\n";
}

std::string help_of(const Command& command) {
  std::string text = concat("usage: sluice ", command.usage, "\n\n", command.summary, "\n");
  if (!command.options.empty()) text += "\n";
  for (const Option& option : command.options) {
    const std::string left =
        concat("  ", option.name, option.value.empty() ? "" : " ", option.value);
    text +=
        concat(left, std::string(left.size() < 34 ? 34 - left.size() : 1, ' '), option.help, '\n');
  }
  return text;
}

int run(const Command& command, std::span<char* const> words) {
  for (const std::string_view word : words) {
    if (word == "--") break;
    if (word == "--help" || word == "-h") {
      print(help_of(command));
      return kOk;
    }
  }
  auto arguments = parse_arguments(words, command.options);
  if (!arguments) return misused(command.name, arguments.error());
  return command.run(*arguments);
}

}  // namespace

int main(int argc, char** argv) {
  // A full disk and a vanished reader are errors of a call, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  if (argc < 2) {
    complain("(no command)", "name a command\n" + overview());
    return kWrongUsage;
  }
  const std::string_view name = argv[1];
  if (name == "--help" || name == "-h" || name == "help") {
    print(overview());
    return kOk;
  }
  if (name == "--version") {
    print("sluice " SLUICE_VERSION "\n");
    return kOk;
  }
  for (const Command* command : kCommands) {
    if (command->name == name) return run(*command, std::span(argv + 2, argv + argc));
  }
  complain(name, "no such command (see 'sluice --help')");
  return kWrongUsage;
}
