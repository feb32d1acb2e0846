#include <algorithm>

#include "protocols/ftp/timestamp.h"
#include "protocols/ftp/utc_time.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/ftp/session.h"
#include "tools/ftp/shell.h"
#include "tools/ftp/shell_commands.h"

namespace sluice::tools {
namespace {

using ftp::Purpose;

/// Shows the lines of a listing, each made fit for a terminal.
class ListingPrinter final : public ftp::ByteSink {
 public:
  explicit ListingPrinter(Shell& shell) : shell_(shell) {}

  Result<void> write(std::span<const std::byte> bytes) override {
    std::string_view text = as_text(bytes);
    std::string shown;
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      line_ += text.substr(0, end);
      text.remove_prefix(std::min(text.size(), end == text.npos ? end : end + 1));
      if (end != text.npos || line_.size() > kMaxLine) end_line(shown);
    }
    return put(shown);
  }
  /// A last line without an end.
  Result<void> finish() {
    std::string shown;
    if (!line_.empty()) end_line(shown);
    return put(shown);
  }

 private:
  static constexpr std::size_t kMaxLine = 16 * 1024;

  void end_line(std::string& shown) {
    if (line_.ends_with('\r')) line_.pop_back();
    shown += concat(printable(line_), '\n');
    line_.clear();
  }
  Result<void> put(const std::string& shown) {
    if (shown.empty() || shell_.print(shown)) return {};
    return fail("standard output", EIO);
  }

  Shell& shell_;
  std::string line_;
};

/// One command of one word, or of none; the reply is told.
Outcome<void> say(Shell& shell, std::string_view verb, std::string_view word, Purpose purpose) {
  const auto reply = shell.link().demand(word.empty() ? std::string(verb) : concat(verb, ' ', word),
                                         purpose, word.empty() ? verb : word);
  if (!reply) return std::unexpected(reply.error());
  shell.tell(shown_reply(*reply));
  return {};
}

Outcome<void> list(Shell& shell, std::string_view verb, const CommandLine& line) {
  std::string arguments;
  for (const std::string& word : line.words)
    arguments += concat(arguments.empty() ? "" : " ", word);
  ShellLink& link = shell.link();
  if (auto ready = link.ready(); !ready) return ready;
  ListingPrinter printer(shell);
  const auto done = link.wait<ftp::Transferred>(
      [&](auto ended) { link.client().list_raw(verb, arguments, printer, std::move(ended)); },
      [&link] { link.client().abort(); });
  if (!done) {
    return std::unexpected(
        trouble_of(arguments.empty() ? std::string(verb) : printable(arguments), done.error()));
  }
  if (auto shown = printer.finish(); !shown) return trouble(shown.error().message());
  return {};
}

Outcome<void> run_ls(Shell& shell, const CommandLine& line) {
  return list(shell, "LIST", line);
}

Outcome<void> run_nlist(Shell& shell, const CommandLine& line) {
  return list(shell, "NLST", line);
}

Outcome<void> run_cd(Shell& shell, const CommandLine& line) {
  if (auto done = say(shell, "CWD", line.words[0], Purpose::reading); !done) return done;
  (void)shell.link().see_directory();
  return {};
}

Outcome<void> run_cdup(Shell& shell, const CommandLine&) {
  if (auto done = say(shell, "CDUP", {}, Purpose::reading); !done) return done;
  (void)shell.link().see_directory();
  return {};
}

Outcome<void> run_pwd(Shell& shell, const CommandLine&) {
  const auto reply = shell.link().see_directory();
  if (!reply) return std::unexpected(reply.error());
  return shell.print(concat(shown_reply(*reply), '\n'));
}

Outcome<void> run_mkdir(Shell& shell, const CommandLine& line) {
  return say(shell, "MKD", line.words[0], Purpose::writing);
}

Outcome<void> run_rmdir(Shell& shell, const CommandLine& line) {
  return say(shell, "RMD", line.words[0], Purpose::writing);
}

Outcome<void> run_delete(Shell& shell, const CommandLine& line) {
  for (const std::string& word : line.words) {
    if (auto done = say(shell, "DELE", word, Purpose::reading); !done) return done;
  }
  return {};
}

Outcome<void> run_rename(Shell& shell, const CommandLine& line) {
  const auto from =
      shell.link().demand(concat("RNFR ", line.words[0]), Purpose::reading, line.words[0]);
  if (!from) return std::unexpected(from.error());
  return say(shell, "RNTO", line.words[1], Purpose::writing);
}

Outcome<void> run_chmod(Shell& shell, const CommandLine& line) {
  const std::string& mode = line.words[0];
  if (mode.size() < 3 || mode.size() > 4 || mode.find_first_not_of("01234567") != mode.npos) {
    return trouble(concat("a mode is three or four digits up to 7, not ", mode), kWrongUsage);
  }
  const auto reply = shell.link().demand(concat("SITE CHMOD ", mode, ' ', line.words[1]),
                                         Purpose::reading, line.words[1]);
  if (!reply) return std::unexpected(reply.error());
  shell.tell(shown_reply(*reply));
  return {};
}

/// Of a text file some servers tell a size, others refuse to: as many bytes as there are is what
/// is asked for.
Outcome<void> run_size(Shell& shell, const CommandLine& line) {
  ShellLink& link = shell.link();
  if (auto typed = link.demand("TYPE I", Purpose::anything, "TYPE I"); !typed) {
    return std::unexpected(typed.error());
  }
  const auto reply = link.demand(concat("SIZE ", line.words[0]), Purpose::reading, line.words[0]);
  if (!reply) return std::unexpected(reply.error());
  return shell.print(concat(printable(reply->text()), '\n'));
}

Outcome<void> run_modtime(Shell& shell, const CommandLine& line) {
  const auto reply =
      shell.link().demand(concat("MDTM ", line.words[0]), Purpose::reading, line.words[0]);
  if (!reply) return std::unexpected(reply.error());
  const auto time = ftp::parse_timestamp(reply->text());
  if (!time) return shell.print(concat(printable(reply->text()), '\n'));
  tm parts{};
  ::gmtime_r(&time->tv_sec, &parts);
  return shell.print(concat(parts.tm_year + 1900, '-', ZeroPadded(parts.tm_mon + 1, 2), '-',
                            ZeroPadded(parts.tm_mday, 2), ' ', ZeroPadded(parts.tm_hour, 2), ':',
                            ZeroPadded(parts.tm_min, 2), ':', ZeroPadded(parts.tm_sec, 2),
                            " UTC\n"));
}

constexpr std::string_view kLs = "shows a directory as the server lists it";

constexpr ShellCommand kCommands[] = {
    {.name = "ls",
     .usage = "[PATH]",
     .summary = kLs,
     .most = kAnyNumber,
     .first = WordKind::remote,
     .rest = WordKind::remote,
     .run = run_ls},
    {.name = "dir",
     .usage = "[PATH]",
     .summary = kLs,
     .most = kAnyNumber,
     .first = WordKind::remote,
     .rest = WordKind::remote,
     .run = run_ls},
    {.name = "nlist",
     .usage = "[PATH]",
     .summary = "shows nothing but names",
     .most = kAnyNumber,
     .first = WordKind::remote,
     .rest = WordKind::remote,
     .run = run_nlist},
    {.name = "cd",
     .usage = "DIRECTORY",
     .summary = "changes the directory on the server",
     .least = 1,
     .most = 1,
     .first = WordKind::remote_directory,
     .changes = true,
     .run = run_cd},
    {.name = "cdup", .summary = "changes to the directory above", .changes = true, .run = run_cdup},
    {.name = "pwd", .summary = "tells the directory on the server", .run = run_pwd},
    {.name = "mkdir",
     .usage = "DIRECTORY",
     .summary = "makes a directory on the server",
     .least = 1,
     .most = 1,
     .first = WordKind::remote_directory,
     .changes = true,
     .run = run_mkdir},
    {.name = "rmdir",
     .usage = "DIRECTORY",
     .summary = "removes an empty directory on the server",
     .least = 1,
     .most = 1,
     .first = WordKind::remote_directory,
     .changes = true,
     .run = run_rmdir},
    {.name = "delete",
     .usage = "FILE…",
     .summary = "removes files on the server",
     .least = 1,
     .most = kAnyNumber,
     .first = WordKind::remote,
     .rest = WordKind::remote,
     .changes = true,
     .run = run_delete},
    {.name = "rename",
     .usage = "FROM TO",
     .summary = "renames what is on the server",
     .least = 2,
     .most = 2,
     .first = WordKind::remote,
     .rest = WordKind::remote,
     .changes = true,
     .run = run_rename},
    {.name = "chmod",
     .usage = "MODE PATH",
     .summary = "sets permissions on the server: 644",
     .least = 2,
     .most = 2,
     .rest = WordKind::remote,
     .run = run_chmod},
    {.name = "size",
     .usage = "FILE",
     .summary = "tells the bytes of a file on the server",
     .least = 1,
     .most = 1,
     .first = WordKind::remote,
     .run = run_size},
    {.name = "modtime",
     .usage = "FILE",
     .summary = "tells when a file on the server was changed",
     .least = 1,
     .most = 1,
     .first = WordKind::remote,
     .run = run_modtime},
};

}  // namespace

std::span<const ShellCommand> shell_path_commands() {
  return kCommands;
}

}  // namespace sluice::tools
