#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "reactor/text.h"
#include "reactor/write_all.h"
#include "tools/command.h"

namespace {

using namespace sluice;
using namespace sluice::tools;

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "0.1"
#endif

const Command* const kCommands[] = {
    &kServe, &kEcho, &kTime, &kWords,   &kDrop,    &kReceive,   &kPasswd,          &kFtp,
    &kGet,   &kPut,  &kChat, &kUdpEcho, &kUdpFile, &kBroadcast, &kMulticastCommand};

std::string overview() {
  std::string text = "usage: sluice COMMAND [ARGUMENT …]\n\n";
  for (const Command* command : kCommands) {
    text += concat("  ", command->name, std::string(10 - command->name.size(), ' '),
                   command->summary.substr(0, command->summary.find('\n')), '\n');
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

/// A socket must not get the number of a standard stream that the caller has closed: what is meant
/// for a terminal would go to the peer. With O_PATH use stays an error, and there is a root also
/// where there is no /dev.
void keep_standard_numbers() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) < 0) (void)open("/", O_PATH);
  }
}

int run(const Command& command, std::span<char* const> words) {
  for (const std::string_view word : words) {
    if (word == "--") break;
    if (word == "--help" || word == "-h") {
      return print(help_of(command));
    }
  }
  auto arguments = parse_arguments(words, command.options);
  if (!arguments) return misused(command.name, arguments.error());
  return command.run(*arguments);
}

}  // namespace

int main(int argc, char** argv) {
  keep_standard_numbers();
  // A full disk and a vanished reader are errors of a call, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  if (argc < 2) {
    complain("(no command)", "name one of these");
    (void)write_all(STDERR_FILENO, overview());
    return kWrongUsage;
  }
  const std::string_view name = argv[1];
  const bool help = name == "help" && argc > 2;
  if (name == "--help" || name == "-h" || (name == "help" && !help)) return print(overview());
  if (name == "--version") {
    return print("sluice " SLUICE_VERSION "\n");
  }
  const std::string_view wanted = help ? argv[2] : name;
  for (const Command* command : kCommands) {
    if (command->name != wanted) continue;
    return help ? print(help_of(*command)) : run(*command, std::span(argv + 2, argv + argc));
  }
  complain(wanted, "no such command (see 'sluice --help')");
  return kWrongUsage;
}
