#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "reactor/text.h"
#include "tools/video_command.h"

namespace sluice::tools {
namespace {

constexpr std::string_view kProgram = "sluice-video";

/// The program of that name in the directory of this one; "" when that cannot be known.
std::string beside_this() {
  std::array<char, PATH_MAX> path;
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size <= 0 || static_cast<std::size_t>(size) == path.size()) return {};
  const std::string_view self(path.data(), static_cast<std::size_t>(size));
  return concat(self.substr(0, self.rfind('/') + 1), kProgram);
}

/// The words as they were, but for the order: options, then operands, which no longer can be taken
/// for one.
std::vector<std::string> words_of(const Arguments& arguments) {
  std::vector<std::string> words{std::string(kProgram)};
  for (const auto& [name, value] : arguments.options) {
    words.emplace_back(name);
    for (const Option& option : kVideoOptions) {
      if (option.name == name && !option.value.empty()) words.emplace_back(value);
    }
  }
  words.emplace_back("--");
  for (const std::string_view operand : arguments.operands) words.emplace_back(operand);
  return words;
}

int run(const Arguments& arguments) {
  std::vector<std::string> words = words_of(arguments);
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  if (const std::string path = beside_this(); !path.empty()) ::execv(path.c_str(), pointers.data());
  int error = errno;
  if (error == ENOENT || error == 0) {
    ::execvp(words[0].c_str(), pointers.data());
    error = errno;
  }
  if (error != ENOENT) {
    return complain(kVideoName, concat("cannot run ", kProgram, ": ", std::strerror(error)));
  }
  return complain(kVideoName, concat("this needs ", kProgram,
                                     ", which is not there; on Debian: apt install libopencv-dev, "
                                     "then make video"));
}

}  // namespace

const Command kVideo{kVideoName, kVideoUsage, kVideoSummary, kVideoOptions, run};

}  // namespace sluice::tools
