#include "tools/ftp/tree_jobs.h"

#include "protocols/ftp/reply_reader.h"
#include "reactor/text.h"

namespace sluice::tools {
namespace {

using ftp::Failure;
using Reply = ftp::Answer<ftp::ServerReply>;

/// Moved out first: the call may destroy or begin anew the job that holds it.
void call(PoolJob::Calls& calls, PoolJob::Outcome outcome) {
  PoolJob::Calls ended = std::move(calls);
  ended.done(std::move(outcome));
}

/// May become another by making the directory.
bool may_be_missing(const Failure& failure) {
  return failure.kind == Failure::Kind::not_found || failure.kind == Failure::Kind::refused;
}

}  // namespace

// Directories.

void DirectoryJob::start(ftp::Client& client, Calls calls) {
  calls_ = std::move(calls);
  listing_ = {};
  not_entered_.reset();
  not_made_.reset();
  run_.set_can_date(client.has_feature("MFMT"));
  how_ == How::make ? make(client) : read(client);
}

void DirectoryJob::make(ftp::Client& client) {
  client.ask(concat("MKD ", run_.remote_path(node_.path)), [this, &client](const Reply& reply) {
    if (!reply) return end(reply.error());
    if (!reply->positive()) {
      // A listing need not show all that is there.
      not_made_ = failure_of(*reply, ftp::Purpose::writing);
      return read(client);
    }
    listing_.facts = listing_.missing = true;
    end(std::nullopt);
  });
}

void DirectoryJob::make_all(ftp::Client& client) {
  listing_.missing = true;
  how_ = How::read;
  if (run_.choices().dry_run) return end(std::nullopt);
  const std::string path = run_.remote_path(node_.path);
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    client.ask(concat("MKD ", path.substr(0, slash)), [this](const Reply& reply) {
      not_made_.reset();
      if (reply && !reply->positive()) not_made_ = failure_of(*reply, ftp::Purpose::writing);
    });
    if (slash == path.npos) break;
  }
  read(client);
}

/// Where there is no MLSD: LIST of a name that is not there is an empty listing for some servers,
/// and one that begins with a dash or holds a blank is something else for others.
void DirectoryJob::enter(ftp::Client& client) {
  client.ask("PWD", [this](const Reply& reply) {
    const auto path =
        reply && reply->code == 257 ? ftp::parse_quoted_path(reply->text()) : std::nullopt;
    if (!path) not_entered_ = Failure{.kind = Failure::Kind::protocol, .text = "PWD tells no path"};
    if (path) home_ = *path;
  });
  client.ask(concat("CWD ", run_.remote_path(node_.path)), [this](const Reply& reply) {
    if (!reply) return;
    enters_ = reply->positive();
    if (!enters_) not_entered_ = failure_of(*reply, ftp::Purpose::reading);
  });
}

void DirectoryJob::read(ftp::Client& client) {
  enters_ = false;
  not_entered_.reset();
  std::string path = run_.remote_path(node_.path);
  if (!path.empty() && !client.has_feature("MLST") && !client.has_feature("MLSD")) {
    enter(client);
    path.clear();
  }
  client.list(
      path, [this](const ftp::RemoteEntry& entry) { take(entry); },
      [this, &client](const ftp::Answer<ftp::Listed>& answer) { on_read(client, answer); });
}

void DirectoryJob::take(const ftp::RemoteEntry& entry) {
  if (!not_entered_ && run_.count(1)) listing_.items.push_back(item_of(entry));
}

void DirectoryJob::on_read(ftp::Client& client, const ftp::Answer<ftp::Listed>& answer) {
  Outcome outcome = not_entered_;
  if (!answer && (!outcome || answer.error().kind == Failure::Kind::network)) {
    outcome = answer.error();
  }
  if (outcome) listing_.items.clear();
  if (answer && !outcome) {
    listing_.facts = answer->format == ftp::ListingReader::Format::facts;
    listing_.bad_lines = answer->bad_lines;
    listing_.first_bad = answer->first_bad;
    put_in_order(listing_.items);
  }
  if (enters_ && client.connected()) return go_back(client, std::move(outcome));
  if (outcome && how_ == How::read_or_make && may_be_missing(*outcome)) return make_all(client);
  end(std::move(outcome));
}

void DirectoryJob::go_back(ftp::Client& client, Outcome outcome) {
  client.ask(concat("CWD ", home_), [this, outcome = std::make_unique<Outcome>(std::move(outcome))](
                                        const Reply& reply) {
    if (reply && reply->positive()) return end(std::move(*outcome));
    // Every path would mean another one now: the session is worth nothing.
    end(Failure{.kind = Failure::Kind::network, .text = "the server does not let us back"});
  });
}

void DirectoryJob::end(Outcome outcome) {
  if (outcome && not_made_ && outcome->kind != Failure::Kind::network) outcome = not_made_;
  call(calls_, std::move(outcome));
}

// Files.

void GetJob::start(ftp::Client& client, Calls calls) {
  calls_ = std::move(calls);
  DownloadJob job{.tree = &run_.tree(), .local = run_.local_path(path())};
  job.remote = run_.remote_path(path());
  job.type = run_.type();
  job.resume = (run_.choices().resume || wrote_) && job.type == ftp::Client::Type::binary;
  job.resume_part_only = !run_.choices().resume;
  job.part = part_;
  job.known = item_.exact && item_.has_size;
  if (job.known) {
    job.size = item_.size;
    job.modified = item_.modified;
  }
  download_.emplace(run_.reactor(), client, std::move(job), [this](ftp::Answer<Transfer> answer) {
    wrote_ |= moved();
    if (!download_->note().empty()) run_.note(path(), download_->note());
    call(calls_, answer ? Outcome() : Outcome(std::move(answer.error())));
  });
  download_->start();
}

void GetJob::done() {
  if (run_.choices().verbose) run_.say("get", path());
  run_.on_file_done(node_, download_->done_bytes() - download_->skipped());
}

void PutJob::start(ftp::Client& client, Calls calls) {
  calls_ = std::move(calls);
  UploadJob job{.tree = &run_.tree(), .local = run_.local_path(path())};
  job.remote = run_.remote_path(path());
  job.type = run_.type();
  job.in_place = run_.choices().in_place;
  // What an earlier try has left under its own name may be another's.
  job.resume = run_.choices().resume || (tried_ && !job.in_place);
  job.resume_temporary_only = !run_.choices().resume;
  tried_ = true;
  upload_.emplace(run_.reactor(), client, std::move(job), [this](ftp::Answer<Transfer> answer) {
    if (!upload_->note().empty()) run_.note(path(), upload_->note());
    call(calls_, answer ? Outcome() : Outcome(std::move(answer.error())));
  });
  upload_->on_stored([this] {
    Callback free = std::move(calls_.free);
    free();
  });
  upload_->start();
}

void PutJob::done() {
  if (run_.choices().verbose) run_.say("put", path());
  run_.on_file_done(node_, upload_->done_bytes() - upload_->skipped());
}

void RemoveJob::start(ftp::Client& client, Calls calls) {
  calls_ = std::move(calls);
  client.demand(
      concat(directory_ ? "RMD " : "DELE ", run_.remote_path(path_)), ftp::Purpose::writing,
      [this](const Reply& reply) { call(calls_, reply ? Outcome() : Outcome(reply.error())); });
}

void RemoveJob::failed(const ftp::Failure& failure) {
  run_.complain_about(path_, failure);
  on_done_(false);
}

}  // namespace sluice::tools
