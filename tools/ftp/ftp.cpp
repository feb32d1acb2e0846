#include <algorithm>

#include "tools/command.h"
#include "tools/ftp/shell.h"
#include "tools/ftp/url.h"

namespace sluice::tools {
namespace {

constexpr Option kOptions[] = {
    {"-c", "COMMANDS", "does these, parted by ; or new lines, up to the first that fails;"},
    {"", "", "with - before it, one may fail"},
    {"--verbose", "", "says what was done, not only on a terminal"},
};

/// Everybody on the machine can read arguments while the process runs. Their text is argv's own,
/// which may be written to (POSIX.1-2017, exec).
void overwrite(std::string_view text) {
  std::fill_n(const_cast<char*>(text.data()), text.size(), '*');
}

/// What stands in USER:PASSWORD@HOST between the first `:` and the last `@`.
void overwrite_password(std::string_view site) {
  constexpr std::string_view kScheme = "ftp://";
  if (site.starts_with(kScheme)) {
    site.remove_prefix(kScheme.size());
    site = site.substr(0, site.find('/'));
  }
  const std::size_t at = site.rfind('@'), colon = site.find(':');
  if (at != site.npos && colon < at) overwrite(site.substr(colon + 1, at - colon - 1));
}

int run(const Arguments& arguments) {
  const auto& operands = arguments.operands;
  if (operands.size() > 1) return misused("ftp", "too many arguments");
  Shell::Options options{.verbose = arguments.has("--verbose")};
  if (const auto script = arguments.value("-c")) {
    options.script = std::string(*script);
    overwrite(*script);
  }
  if (!operands.empty()) {
    auto site = parse_ftp_site(operands[0]);
    if (!site) return misused("ftp", site.error());
    overwrite_password(operands[0]);
    options.site = std::move(*site);
  }
  return Shell(std::move(options)).run();
}

}  // namespace

const Command kFtp{"ftp", "ftp [-c \"COMMAND; COMMAND\"] [[USER[:PASSWORD]@]HOST[:PORT]]",
                   "Talks to an FTP server: takes commands from a person, a pipe or -c; try help.",
                   kOptions, run};

}  // namespace sluice::tools
