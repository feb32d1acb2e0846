#include "tools/command.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "reactor/printable.h"
#include "reactor/text.h"
#include "reactor/write_all.h"

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "0.1"
#endif

namespace sluice::tools {
namespace {

/// A socket must not get the number of a standard stream that the caller has closed: what is meant
/// for a terminal would go to the peer. With O_PATH use stays an error, and there is a root also
/// where there is no /dev.
void keep_standard_numbers() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) < 0) (void)open("/", O_PATH);
  }
}

}  // namespace

std::optional<std::string_view> Arguments::value(std::string_view name) const {
  for (auto option = options.rbegin(); option != options.rend(); ++option) {
    if (option->first == name) return option->second;
  }
  return std::nullopt;
}

std::expected<Arguments, std::string> parse_arguments(std::span<char* const> words,
                                                      std::span<const Option> options) {
  Arguments parsed;
  bool only_operands = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    // No option begins with a digit, so -1 is a number.
    const bool number = word.size() > 1 && word[1] >= '0' && word[1] <= '9';
    if (only_operands || word.size() < 2 || word[0] != '-' || number) {
      parsed.operands.push_back(word);
      continue;
    }
    if (word == "--") {
      only_operands = true;
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const Option* found = nullptr;
    for (const Option& option : options) {
      if (option.name == name) found = &option;
    }
    if (!found) return std::unexpected(concat("unknown option ", name));
    if (found->value.empty()) {
      if (equals != std::string_view::npos) {
        return std::unexpected(concat("option ", name, " takes no value"));
      }
      parsed.options.emplace_back(name, "");
    } else if (equals != std::string_view::npos) {
      parsed.options.emplace_back(name, word.substr(equals + 1));
    } else if (i + 1 < words.size()) {
      parsed.options.emplace_back(name, words[++i]);
    } else {
      return std::unexpected(concat("option ", name, " needs a value: ", found->value));
    }
  }
  return parsed;
}

int complain(std::string_view command, std::string_view message) {
  (void)write_all(STDERR_FILENO,
                  concat("sluice ", printable(command), ": ", printable(message), '\n'));
  return kFailed;
}

int misused(std::string_view command, std::string_view message) {
  complain(command, concat(message, " (see 'sluice ", command, " --help')"));
  return kWrongUsage;
}

int print(std::string_view text) {
  const auto written = write_all(STDOUT_FILENO, text);
  if (written) return kOk;
  (void)write_all(STDERR_FILENO,
                  concat("sluice: standard output: ", written.error().message(), '\n'));
  return kFailed;
}

void prepare_process() {
  keep_standard_numbers();
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
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

std::string_view version_line() {
  return "sluice " SLUICE_VERSION "\n";
}

int run_command(const Command& command, std::span<char* const> words) {
  for (const std::string_view word : words) {
    if (word == "--") break;
    if (word == "--help" || word == "-h") return print(help_of(command));
    if (word == "--version") return print(version_line());
  }
  auto arguments = parse_arguments(words, command.options);
  if (!arguments) return misused(command.name, arguments.error());
  return command.run(*arguments);
}

}  // namespace sluice::tools
