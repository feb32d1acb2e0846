#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

#include "protocols/files/name.h"
#include "protocols/files/tree.h"
#include "protocols/ftp/pattern.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "reactor/write_all.h"
#include "tools/ftp/download.h"
#include "tools/ftp/session.h"
#include "tools/ftp/shell.h"
#include "tools/ftp/shell_commands.h"
#include "tools/ftp/shell_local.h"
#include "tools/ftp/upload.h"
#include "tools/live_line.h"
#include "tools/progress.h"

namespace sluice::tools {
namespace {

/// What a transfer is about.
std::string subject_of(const DownloadJob& job) {
  return printable(job.remote);
}
std::string subject_of(const UploadJob& job) {
  return printable(job.local);
}

/// Runs a Download or an Upload to its end, with its progress on a terminal.
template <class Work, class Job>
Outcome<void> transfer(Shell& shell, Job job, bool tells = true) {
  const std::string name = subject_of(job);
  ShellLink& link = shell.link();
  if (auto ready = link.ready(); !ready) return ready;
  const TimePoint start = std::chrono::steady_clock::now();
  std::optional<Work> work;
  std::optional<LiveLine> line;
  // Not amid what is printed.
  if (tells || ::isatty(STDOUT_FILENO) == 0) {
    line.emplace(shell.reactor(), [&work, &name, start] {
      if (!work) return Transfer{};
      return Transfer{name, work->done_bytes(), work->total(), work->skipped(),
                      std::chrono::steady_clock::now() - start};
    });
  }
  const auto done = link.wait<Transfer>(
      [&](auto over) {
        work.emplace(shell.reactor(), link.client(), std::move(job), std::move(over));
        work->start();
      },
      [&work] { work->abort(); });
  line.reset();
  if (!done) return std::unexpected(trouble_of(name, done.error()));
  if (!tells) return {};
  if (!work->note().empty()) shell.tell(concat(name, ": ", printable(work->note())));
  if (work->nothing_to_do()) {
    shell.tell(concat(name, ": is there already, all ", *work->total(), " bytes"));
  } else {
    shell.tell(summary_line(*done));
  }
  return {};
}

// --- get -----------------------------------------------------------------------------------------

class StandardOutput final : public ftp::ByteSink {
 public:
  Result<void> write(std::span<const std::byte> bytes) override {
    return write_all(STDOUT_FILENO, bytes);
  }
};

/// Where `local`, a path here or none, puts the file `remote`. A link is followed only where it
/// was named here: a name of the server's leads nowhere else.
Outcome<std::string> local_name(const std::string& local, std::string_view remote) {
  if (!local.empty() && !local.ends_with('/') && !is_local_directory(local)) {
    char real[PATH_MAX];
    return ::realpath(local.c_str(), real) ? std::string(real) : local;
  }
  const std::string_view name = last_component(remote);
  if (const auto allowed = files::check_name(name, true); !allowed) {
    return trouble(concat(printable(remote), ": ", allowed.error().operation,
                          " (name a file here to put it into)"));
  }
  return local.empty() ? std::string(name) : join_path(local, name);
}

Outcome<void> fetch(Shell& shell, DownloadJob job, const std::string& local) {
  const auto path = local_name(local, job.remote);
  if (!path) return std::unexpected(path.error());
  // It would be replaced, be it /dev/null.
  struct stat there{};
  if (::stat(path->c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    return trouble(concat(*path, ": is no regular file (- is standard output)"));
  }
  const std::string folder(directory_of(*path));
  const auto tree = files::Tree::open(folder.empty() ? "." : folder);
  if (!tree) return trouble(tree.error().message(folder.empty() ? "." : folder));
  job.tree = &*tree;
  job.local = concat('/', last_component(*path));
  job.type = shell.type();
  return transfer<Download>(shell, std::move(job));
}

Outcome<void> get(Shell& shell, const CommandLine& line, bool resume) {
  const std::string local = line.words.size() > 1 ? line.words[1] : std::string();
  DownloadJob job{.remote = line.words[0], .resume = resume};
  if (local != "-") return fetch(shell, std::move(job), with_home(local));
  if (resume) return trouble("what has gone to standard output cannot be resumed", kWrongUsage);
  StandardOutput output;
  job.instead = &output;
  job.type = shell.type();
  return transfer<Download>(shell, std::move(job), false);
}

Outcome<void> run_get(Shell& shell, const CommandLine& line) {
  return get(shell, line, false);
}

Outcome<void> run_reget(Shell& shell, const CommandLine& line) {
  return get(shell, line, true);
}

// --- several files -------------------------------------------------------------------------------

/// Does it for each of many; what fails is told and passed over, unless nothing more can come.
template <class Range, class Each>
Outcome<void> for_each(Shell& shell, const Range& range, Each each) {
  Outcome<void> outcome;
  for (const auto& one : range) {
    const auto done = each(one);
    if (done) continue;
    shell.complain(done.error());
    if (outcome) outcome = trouble({}, done.error().exit);
    if (shell.link().interrupted() || !shell.link().connected()) break;
  }
  return outcome;
}

Outcome<std::vector<ftp::RemoteEntry>> remote_matches(Shell& shell, const std::string& pattern) {
  ShellLink& link = shell.link();
  if (auto ready = link.ready(); !ready) return std::unexpected(ready.error());
  const std::string_view wanted = last_component(pattern);
  std::vector<ftp::RemoteEntry> found;
  bool too_many = false;
  const auto listed = link.wait<ftp::Listed>(
      [&](auto done) {
        link.client().list(
            directory_of(pattern),
            [&](const ftp::RemoteEntry& entry) {
              if (entry.type == ftp::RemoteEntry::Type::directory) return;
              if (entry.name[0] == '.' && wanted[0] != '.') return;
              if (!ftp::matches(wanted, entry.name)) return;
              too_many = too_many || found.size() == kMaxMatches;
              too_many ? link.client().abort() : found.push_back(entry);
            },
            std::move(done));
      },
      [&link] { link.client().abort(); });
  if (too_many) return trouble(concat(printable(pattern), ": over ", kMaxMatches, " files"));
  if (!listed) return std::unexpected(trouble_of(printable(pattern), listed.error()));
  if (found.empty()) return trouble(concat(printable(pattern), ": no such file"), kNoSuchFile);
  std::ranges::sort(found, {}, &ftp::RemoteEntry::name);
  return found;
}

Outcome<void> run_mget(Shell& shell, const CommandLine& line) {
  return for_each(shell, line.words, [&](const std::string& pattern) -> Outcome<void> {
    if (pattern.empty() || pattern.ends_with('/')) {
      return trouble(concat(printable(pattern), ": names no files"), kWrongUsage);
    }
    const auto found = remote_matches(shell, pattern);
    if (!found) return std::unexpected(found.error());
    return for_each(shell, *found, [&](const ftp::RemoteEntry& entry) {
      DownloadJob job{.remote = join_path(directory_of(pattern), entry.name)};
      job.known = entry.exact;
      job.size = entry.size;
      job.modified = entry.modified;
      return fetch(shell, std::move(job), {});
    });
  });
}

Outcome<std::vector<std::string>> local_matches(const std::string& pattern) {
  glob_t names{};
  const int outcome = ::glob(pattern.c_str(), 0, nullptr, &names);
  std::vector<std::string> found;
  for (std::size_t i = 0; outcome == 0 && i < names.gl_pathc; ++i) {
    if (!is_local_directory(names.gl_pathv[i])) found.emplace_back(names.gl_pathv[i]);
  }
  ::globfree(&names);
  if (outcome != 0 && outcome != GLOB_NOMATCH) return trouble(concat(pattern, ": cannot be read"));
  if (found.empty()) return trouble(concat(pattern, ": no such file"), kNoSuchFile);
  return found;
}

// --- put -----------------------------------------------------------------------------------------

Outcome<void> send(Shell& shell, const std::string& local, std::string remote, bool resume) {
  if (remote.empty() || remote.ends_with('/')) remote += last_component(local);
  UploadJob job;
  job.local = local;
  job.remote = std::move(remote);
  job.type = shell.type();
  job.resume = resume;
  return transfer<Upload>(shell, std::move(job));
}

Outcome<void> put(Shell& shell, const CommandLine& line, bool resume) {
  const std::string local = with_home(line.words[0]);
  if (last_component(local).empty()) return trouble(concat(local, ": names no file"), kWrongUsage);
  return send(shell, local, line.words.size() > 1 ? line.words[1] : std::string(), resume);
}

Outcome<void> run_put(Shell& shell, const CommandLine& line) {
  return put(shell, line, false);
}

Outcome<void> run_reput(Shell& shell, const CommandLine& line) {
  return put(shell, line, true);
}

Outcome<void> run_mput(Shell& shell, const CommandLine& line) {
  return for_each(shell, line.words, [&](const std::string& pattern) -> Outcome<void> {
    const auto found = local_matches(with_home(pattern));
    if (!found) return std::unexpected(found.error());
    return for_each(shell, *found,
                    [&](const std::string& path) { return send(shell, path, {}, false); });
  });
}

constexpr ShellCommand kCommands[] = {
    {.name = "get",
     .usage = "FILE [LOCAL]",
     .summary = "fetches a file; to standard output: -",
     .least = 1,
     .most = 2,
     .first = WordKind::remote,
     .rest = WordKind::local,
     .run = run_get},
    {.name = "mget",
     .usage = "PATTERN…",
     .summary = "fetches the files that fit: *.txt",
     .least = 1,
     .most = kAnyNumber,
     .first = WordKind::remote,
     .rest = WordKind::remote,
     .run = run_mget},
    {.name = "reget",
     .usage = "FILE [LOCAL]",
     .summary = "goes on where a get was broken off",
     .least = 1,
     .most = 2,
     .first = WordKind::remote,
     .rest = WordKind::local,
     .run = run_reget},
    {.name = "put",
     .usage = "LOCAL [FILE]",
     .summary = "stores a file on the server",
     .least = 1,
     .most = 2,
     .first = WordKind::local,
     .rest = WordKind::remote,
     .changes = true,
     .run = run_put},
    {.name = "mput",
     .usage = "PATTERN…",
     .summary = "stores the files here that fit",
     .least = 1,
     .most = kAnyNumber,
     .first = WordKind::local,
     .rest = WordKind::local,
     .changes = true,
     .run = run_mput},
    {.name = "reput",
     .usage = "LOCAL [FILE]",
     .summary = "goes on where a put was broken off",
     .least = 1,
     .most = 2,
     .first = WordKind::local,
     .rest = WordKind::remote,
     .changes = true,
     .run = run_reput},
};

}  // namespace

std::span<const ShellCommand> shell_transfer_commands() {
  return kCommands;
}

}  // namespace sluice::tools
