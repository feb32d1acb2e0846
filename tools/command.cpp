#include "tools/command.h"

#include <unistd.h>

#include "reactor/printable.h"
#include "reactor/text.h"
#include "reactor/write_all.h"

namespace sluice::tools {
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

}  // namespace sluice::tools
