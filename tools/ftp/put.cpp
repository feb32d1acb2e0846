#include <unistd.h>

#include <memory>
#include <vector>

#include "protocols/ftp/remote_entry.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/ftp/choices.h"
#include "tools/ftp/file_source.h"
#include "tools/ftp/link.h"
#include "tools/ftp/tree_put.h"
#include "tools/ftp/upload.h"
#include "tools/input.h"
#include "tools/live_line.h"
#include "tools/tftp/commands.h"
#include "tools/tftp/url.h"

namespace sluice::tools {
namespace {

using ftp::Failure;
using Reply = ftp::ServerReply;

/// What gives its bytes only once may pause for as long as it likes.
constexpr Duration kEndless = std::chrono::hours(24 * 365);

/// One run of the command.
class Put {
 public:
  Put(const Choices& choices, FtpUrl url)
      : choices_(choices), url_(std::move(url)), link_(reactor_, choices_) {}

  int run(std::span<const std::string_view> paths) {
    const bool named = url_.path.empty() || url_.path.ends_with('/');
    for (const std::string_view path : paths) {
      if (path == "-" && (named || paths.size() > 1)) {
        return misused("put", "standard input has no name: the URL needs one, of one file");
      }
    }
    const auto into = named || paths.size() > 1 ? ftp::Answer<bool>(true)
                      : paths[0] == "-"         ? ftp::Answer<bool>(false)
                                                : names_directory();
    if (!into) return report("put", trouble_of(shown_url(url_), into.error()));
    for (const std::string_view path : paths) {
      const std::string_view name = last_component(path);
      put(std::string(path), *into ? join_path(url_.path, name) : url_.path);
    }
    return status_;
  }

 private:
  /// Whether the URL's path is a directory that is there.
  ftp::Answer<bool> names_directory() {
    auto open = link_.client(url_);
    if (!open) return std::unexpected(open.error());
    ftp::Client& client = **open;
    if (client.has_feature("MLST")) {
      const auto facts = ask(client, concat("MLST ", url_.path));
      if (!facts) return std::unexpected(facts.error());
      ftp::RemoteEntry entry;
      for (std::string_view line : facts->lines) {
        while (line.starts_with(' ')) line.remove_prefix(1);
        const std::string named = concat(line.substr(0, line.find(' ')), " name");
        if (facts->code == 250 && ftp::parse_facts_line(named, entry) == ftp::LineKind::entry &&
            line.contains('=')) {
          return entry.type == ftp::RemoteEntry::Type::directory;
        }
      }
      return false;
    }
    return can_be_entered(client);
  }

  /// Tries to, and goes back.
  ftp::Answer<bool> can_be_entered(ftp::Client& client) {
    const auto home = ask(client, "PWD");
    if (!home) return std::unexpected(home.error());
    const auto path = ftp::parse_quoted_path(home->text());
    if (home->code != 257 || !path) return false;
    const auto entered = ask(client, concat("CWD ", url_.path));
    if (!entered) return std::unexpected(entered.error());
    if (!entered->positive()) return false;
    const auto back = ask(client, concat("CWD ", *path));
    if (!back) return std::unexpected(back.error());
    if (!back->positive()) link_.drop();  // a new session begins there
    return true;
  }

  ftp::Answer<Reply> ask(ftp::Client& client, const std::string& command) {
    return wait_for<Reply>(reactor_, [&](auto done) { client.ask(command, std::move(done)); });
  }

  void put(const std::string& path, const std::string& remote) {
    Task task{.local = path, .remote = remote, .resume = choices_.resume};
    Fd stream;
    if (is_stream(path)) {
      auto opened = open_stream(path);
      if (!opened) {
        return complain_of(
            trouble_of(path, {.kind = Failure::Kind::local, .error = opened.error()}));
      }
      stream = std::move(*opened);
      if (choices_.resume) return complain_of({"-C needs a file to go on in", kWrongUsage});
    }
    const auto done =
        link_.repeat(url_, path, [&](ftp::Client& client) { return store(client, task, stream); });
    if (!done) return complain_of(trouble_at(url_, path, done.error()));
    if (choices_.verbose || ::isatty(STDOUT_FILENO) == 1) {
      note(print(summary_line(*done) + "\n"));
    }
  }

  /// What one try after another is made from.
  struct Task {
    std::string local, remote;
    bool resume = false;
    bool resume_temporary_only = false;
    std::uint64_t reached = 0;
  };

  Link::Try store(ftp::Client& client, Task& task, Fd& stream) {
    const auto type = url_.ascii ? ftp::Client::Type::ascii : ftp::Client::Type::binary;
    UploadJob job{.local = task.local, .remote = task.remote, .type = type};
    job.in_place = choices_.in_place;
    job.resume = task.resume;
    job.resume_temporary_only = task.resume_temporary_only;
    const bool repeatable = !stream;
    if (stream) {
      client.options().data_timeout = kEndless;
      job.instead = std::make_unique<FileSource>(std::move(stream), url_.ascii);
    }
    std::optional<Upload> upload;
    std::optional<LiveLine> shown;
    auto answer = wait_for<Transfer>(reactor_, [&](auto done) {
      upload.emplace(reactor_, client, std::move(job), std::move(done));
      shown.emplace(reactor_, [&upload, &task] { return seen(*upload, task); });
      upload->start();
    });
    shown.reset();
    if (!upload->note().empty()) {
      complain("put", concat(printable(task.local), ": ", upload->note()));
    }
    // Of an upload whose connection was lost only the next try's SIZE tells how far it came.
    const bool moved = upload->done_bytes() > upload->skipped() || upload->skipped() > task.reached;
    task.reached = upload->skipped();
    if (moved || !choices_.in_place) {
      task.resume_temporary_only |= !task.resume;
      task.resume = !url_.ascii;
    }
    return {std::move(answer), moved, repeatable};
  }

  static Transfer seen(const Upload& upload, const Task& task) {
    return {printable(last_component(task.local)), upload.done_bytes(), upload.total(),
            upload.skipped(), upload.elapsed()};
  }

  void complain_of(const Trouble& why) { note(report("put", why)); }
  void note(int status) {
    if (status_ == kOk) status_ = status;
  }

  const Choices& choices_;
  const FtpUrl url_;
  Reactor reactor_;
  Link link_;
  int status_ = kOk;
};

int run(const Arguments& arguments) {
  if (!arguments.operands.empty() && is_tftp_url(arguments.operands.back())) {
    return put_by_tftp(arguments);
  }
  const auto choices = choices_of("put", arguments);
  if (!choices) return misused("put", choices.error());
  const auto& operands = arguments.operands;
  if (operands.size() < 2)
    return misused("put", "what, and where to? FILE and ftp://HOST/PATH or tftp://HOST/FILE");
  auto url = parse_ftp_url(operands.back());
  if (!url) return misused("put", url.error());
  url->ascii |= choices->ascii;
  if (choices->resume && url->ascii) return misused("put", "-C is not for text");
  const std::span paths = std::span(operands).first(operands.size() - 1);
  if (!choices->recursive) return Put(*choices, std::move(*url)).run(paths);
  if (paths.size() > 1) return misused("put", "-r takes one directory");
  return put_tree(*choices, std::string(paths[0]), *url);
}

constexpr auto kOptions = with_transfer_options(
    {"--in-place", "", "store under the final name at once, not under one to be renamed"});

}  // namespace

const Command kPut{
    "put",
    "put [OPTION …] FILE … ftp://[USER[:PASSWORD]@]HOST[:PORT]/PATH\n"
    "       sluice put [OPTION …] FILE … tftp://HOST[:PORT]/FILE",
    "Stores files by FTP or TFTP; FILE may be - for standard input, PATH a directory.", kOptions,
    run};

}  // namespace sluice::tools
