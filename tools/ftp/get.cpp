#include <unistd.h>

#include <algorithm>
#include <vector>

#include "protocols/ftp/path.h"
#include "protocols/ftp/pattern.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "reactor/write_all.h"
#include "tools/ftp/choices.h"
#include "tools/ftp/download.h"
#include "tools/ftp/link.h"
#include "tools/ftp/tree_get.h"
#include "tools/live_line.h"
#include "tools/place.h"
#include "tools/tftp/commands.h"
#include "tools/tftp/url.h"

namespace sluice::tools {
namespace {

using ftp::Failure;

class FdSink final : public ftp::ByteSink {
 public:
  explicit FdSink(int fd) : fd_(fd) {}
  Result<void> write(std::span<const std::byte> bytes) override { return write_all(fd_, bytes); }

 private:
  int fd_;
};

/// One run of the command.
class Get {
 public:
  explicit Get(const Choices& choices) : choices_(choices), link_(reactor_, choices_) {}

  int run(std::span<const std::string_view> urls) {
    for (const std::string_view text : urls) {
      const auto url = parse_ftp_url(text);
      if (!url) return misused("get", url.error());
      urls_.push_back(*url);
      urls_.back().ascii |= choices_.ascii;
      if (choices_.resume && urls_.back().ascii) return misused("get", "-C is not for text");
    }
    if (choices_.output == "-" && urls_.size() > 1) return misused("get", "-o - takes one file");
    for (const FtpUrl& url : urls_) get(url);
    return status_;
  }

 private:
  void get(const FtpUrl& url) {
    if (choices_.recursive) return note(get_tree(choices_, url));
    if (url.path.empty() || url.path.ends_with('/')) {
      return complain_of(trouble(concat(shown_url(url), " is a directory: -r fetches it")).error());
    }
    const std::string name(last_component(url.path));
    if (ftp::is_pattern(url.path)) return get_matching(url);
    get_one(url, name, {.remote = url.path});
  }

  void get_matching(const FtpUrl& url) {
    auto found = matching(url);
    if (!found) return complain_of(trouble_at(url, url.path, found.error()));
    if (choices_.output == "-" && found->size() > 1) {
      return complain_of({concat(printable(url.path), " means several files: -o - takes one")});
    }
    const std::string directory(directory_of(url.path));
    for (const ftp::RemoteEntry& entry : *found) {
      DownloadJob job{.remote = join_path(directory, entry.name)};
      job.known = entry.exact && entry.size;
      job.size = entry.size;
      if (entry.exact) job.modified = entry.modified;
      get_one(url, entry.name, std::move(job));
    }
  }

  /// What the shell would give, if the server's directory were here.
  ftp::Answer<std::vector<ftp::RemoteEntry>> matching(const FtpUrl& url) {
    auto client = link_.client(url);
    if (!client) return std::unexpected(client.error());
    const std::string_view pattern = last_component(url.path);
    std::vector<ftp::RemoteEntry> found;
    bool too_many = false;
    const auto take = [&](const ftp::RemoteEntry& entry) {
      const bool hidden = entry.name.starts_with('.') && !pattern.starts_with('.');
      const bool fits = !hidden && ftp::matches(pattern, entry.name);
      if (!fits && entry.name != pattern) return;
      too_many = too_many || found.size() == kMaxMatches;
      too_many ? (*client)->abort() : found.push_back(entry);
    };
    const auto listed = wait_for<ftp::Listed>(reactor_, [&](auto done) {
      (*client)->list(directory_of(url.path), take, std::move(done));
    });
    if (too_many) {
      return std::unexpected(Failure{.kind = Failure::Kind::refused,
                                     .text = concat("over ", kMaxMatches, " files match")});
    }
    if (!listed) return std::unexpected(listed.error());
    std::erase_if(found, [&](const ftp::RemoteEntry& entry) {
      const bool directory = entry.type == ftp::RemoteEntry::Type::directory;
      if (directory) say(concat(printable(entry.name), " is a directory, left out"));
      return directory;
    });
    std::ranges::sort(found, {}, &ftp::RemoteEntry::name);
    if (found.empty()) {
      return std::unexpected(Failure{.kind = Failure::Kind::not_found, .text = "nothing matches"});
    }
    return found;
  }

  void get_one(const FtpUrl& url, std::string_view name, DownloadJob job) {
    const auto place = place_of(choices_.output, name);
    if (!place) return complain_of(place.error());
    if (place->direct && choices_.resume) {
      return complain_of({"-C needs a file to go on in", kWrongUsage});
    }
    FdSink sink(place->direct.get());
    job.type = url.ascii ? ftp::Client::Type::ascii : ftp::Client::Type::binary;
    job.tree = place->tree ? &*place->tree : nullptr;
    job.local = place->path;
    job.resume = choices_.resume;
    if (place->direct) job.instead = &sink;
    const auto done =
        link_.repeat(url, url.path, [&](ftp::Client& client) { return fetch(client, job); });
    if (!done) return complain_of(trouble_at(url, job.remote, done.error()));
    if (choices_.verbose || (!place->is_output && ::isatty(STDOUT_FILENO) == 1)) {
      tell(*done, place->is_output);
    }
  }

  Link::Try fetch(ftp::Client& client, DownloadJob& job) {
    std::optional<Download> download;
    auto answer = wait_for<Transfer>(reactor_, [&](auto done) {
      download.emplace(reactor_, client, job, std::move(done));
      shown_.emplace(reactor_, [&download, &job] { return seen(*download, job); });
      download->start();
    });
    shown_.reset();
    if (!download->note().empty()) {
      complain("get", concat(printable(job.remote), ": ", download->note()));
    }
    Link::Try tried{std::move(answer), download->done_bytes() > download->skipped()};
    if (tried.moved) {
      job.resume_part_only |= !job.resume;
      // What was made of text has no place in the server's file by which to go on.
      job.resume = job.type == ftp::Client::Type::binary;
      tried.repeatable = job.resume || !job.instead;
      job.instead_from = download->done_bytes();
    }
    return tried;
  }

  static Transfer seen(const Download& download, const DownloadJob& job) {
    return {printable(last_component(job.remote)), download.done_bytes(), download.total(),
            download.skipped(), download.elapsed()};
  }

  void say(std::string_view line) {
    if (choices_.verbose) complain("get", line);
  }
  /// A line on standard output, unless that has the file.
  void tell(const Transfer& transfer, bool on_error) {
    const std::string line = summary_line(transfer) + "\n";
    if (on_error) {
      (void)write_all(STDERR_FILENO, line);
    } else {
      note(print(line));
    }
  }
  void complain_of(const Trouble& why) { note(report("get", why)); }
  void note(int status) {
    if (status_ == kOk) status_ = status;
  }

  const Choices& choices_;
  Reactor reactor_;
  Link link_;
  std::optional<LiveLine> shown_;
  std::vector<FtpUrl> urls_;
  int status_ = kOk;
};

int run(const Arguments& arguments) {
  if (std::ranges::any_of(arguments.operands, is_tftp_url)) return get_by_tftp(arguments);
  const auto choices = choices_of("get", arguments);
  if (!choices) return misused("get", choices.error());
  if (arguments.operands.empty())
    return misused("get", "what? ftp://HOST/PATH or tftp://HOST/FILE is missing");
  return Get(*choices).run(arguments.operands);
}

constexpr auto kOptions =
    with_transfer_options({"-o", "FILE", "where to; DIR/ for a directory, - for standard output"});

}  // namespace

const Command kGet{"get",
                   "get [OPTION …] ftp://[USER[:PASSWORD]@]HOST[:PORT]/PATH … [-o FILE]\n"
                   "       sluice get [OPTION …] tftp://HOST[:PORT]/FILE … [-o FILE]",
                   "Fetches files by FTP or TFTP; by FTP the last part of PATH may be a pattern.",
                   kOptions, run};

}  // namespace sluice::tools
