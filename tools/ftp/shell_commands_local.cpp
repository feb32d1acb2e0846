#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

#include "protocols/files/directory_reader.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/ftp/shell.h"
#include "tools/ftp/shell_commands.h"
#include "tools/ftp/shell_local.h"

namespace sluice::tools {

std::string with_home(std::string_view path) {
  const char* home = std::getenv("HOME");
  const bool begins = path == "~" || path.starts_with("~/");
  return home && begins ? concat(home, path.substr(1)) : std::string(path);
}

bool is_local_directory(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

namespace {

Outcome<std::string> here() {
  char path[PATH_MAX];
  if (!::getcwd(path, sizeof path)) return trouble(Error::last("getcwd").message());
  return path;
}

Outcome<void> run_lcd(Shell& shell, const CommandLine& line) {
  const std::string path = with_home(line.words.empty() ? "~" : line.words[0]);
  if (::chdir(path.c_str()) != 0) {
    const int exit = errno == ENOENT ? kNoSuchFile : kFailed;
    return trouble(concat(printable(path), ": ", std::strerror(errno)), exit);
  }
  if (const auto now = here()) shell.tell(concat("here is ", printable(*now)));
  return {};
}

Outcome<void> run_lpwd(Shell& shell, const CommandLine&) {
  const auto path = here();
  if (!path) return std::unexpected(path.error());
  return shell.print(concat(printable(*path), '\n'));
}

Outcome<void> run_lls(Shell& shell, const CommandLine& line) {
  const std::string path = with_home(line.words.empty() ? "." : line.words[0]);
  Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) {
    const int exit = errno == ENOENT ? kNoSuchFile : kFailed;
    return trouble(concat(printable(path), ": ", std::strerror(errno)), exit);
  }
  files::DirectoryReader reader(std::move(folder));
  std::vector<std::string> names;
  for (;;) {
    const auto entry = reader.next();
    if (!entry) return trouble(entry.error().message(printable(path)));
    if (!*entry) break;
    if ((*entry)->name[0] == '.') continue;
    names.push_back(concat(printable((*entry)->text()), (*entry)->type == DT_DIR ? "/\n" : "\n"));
  }
  std::ranges::sort(names);
  std::string text;
  for (const std::string& name : names) text += name;
  return shell.print(text);
}

constexpr ShellCommand kCommands[] = {
    {.name = "lcd",
     .usage = "[DIRECTORY]",
     .summary = "changes the directory here",
     .most = 1,
     .first = WordKind::local_directory,
     .run = run_lcd},
    {.name = "lpwd", .summary = "tells the directory here", .run = run_lpwd},
    {.name = "lls",
     .usage = "[DIRECTORY]",
     .summary = "shows the names in a directory here",
     .most = 1,
     .first = WordKind::local_directory,
     .run = run_lls},
};

}  // namespace

std::span<const ShellCommand> shell_local_commands() {
  return kCommands;
}

}  // namespace sluice::tools
