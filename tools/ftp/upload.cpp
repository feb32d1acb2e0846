#include "tools/ftp/upload.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocols/files/name.h"
#include "protocols/ftp/timestamp.h"
#include "reactor/printable.h"
#include "reactor/text.h"
#include "tools/ftp/download.h"
#include "tools/ftp/file_source.h"
#include "tools/ftp/session.h"

namespace sluice::tools {
namespace {

using ftp::Failure;
using Reply = ftp::Answer<ftp::ServerReply>;
using Type = ftp::Client::Type;

Result<Fd> open_anywhere(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail("open");
  return fd;
}

Failure local_failure(Error error) {
  return {.kind = Failure::Kind::local, .error = error};
}

/// Codes by which servers refuse REST itself, before any byte has gone.
bool refuses_rest(const Failure& failure) {
  const int code = failure.code;
  return (code >= 500 && code <= 504) || code == 554;
}

}  // namespace

std::string temporary_remote(std::string_view remote) {
  constexpr std::string_view kSuffix = ".part";
  const std::string_view name = last_component(remote);
  if (name.size() + 1 + kSuffix.size() > files::kMaxName) return {};
  const std::string_view above = remote.substr(0, remote.size() - name.size());
  return concat(above, '.', name, kSuffix);
}

Upload::Upload(Reactor& reactor, ftp::Client& client, UploadJob job, OnDone done)
    : client_(client),
      job_(std::move(job)),
      done_(std::move(done)),
      temporary_(temporary_remote(job_.remote)),
      later_(reactor.timer([this] { failure_ ? fail(std::move(*failure_)) : finish(); })) {
  append_ = job_.append;
  if (job_.in_place || job_.append || temporary_.empty()) way_ = Way::in_place;
}

void Upload::start() {
  start_ = std::chrono::steady_clock::now();
  if (!job_.instead) {
    if (auto opened = open_local(); !opened) {
      failure_ = local_failure(opened.error());
      return later_.start(Duration::zero());
    }
    if (job_.type == Type::binary) total_ = local_.size;
  }
  // What has been made ASCII is another number of bytes.
  const bool can_go_on = file_ && !append_ && job_.type == Type::binary;
  job_.resume&& can_go_on ? ask_facts() : store();
}

Result<void> Upload::open_local() {
  auto fd = job_.tree ? job_.tree->open_read(job_.local) : open_anywhere(job_.local);
  if (!fd) return std::unexpected(fd.error());
  const auto info = files::file_info(fd->get(), "");
  if (!info) return std::unexpected(info.error());
  if (info->is_directory()) return sluice::fail("open", EISDIR);
  if (!info->is_regular()) return sluice::fail("open (not a regular file)", EINVAL);
  file_ = std::move(*fd);
  local_ = *info;
  return {};
}

void Upload::ask_facts() {
  // Many servers refuse SIZE in TYPE A (RFC 3659 section 4).
  if (!client_.has_type(Type::binary)) client_.ask("TYPE I", [](const auto&) {});
  const bool both = way_ == Way::temporary && !job_.resume_temporary_only;
  if (way_ == Way::temporary) ask_facts_of(temporary_, at_temporary_, !both);
  if (way_ == Way::in_place || both) ask_facts_of(job_.remote, at_final_, true);
}

void Upload::ask_facts_of(const std::string& path, Remote& facts, bool last) {
  client_.ask(concat("SIZE ", path), [&facts](const Reply& reply) { facts.size = size_in(reply); });
  client_.ask(concat("MDTM ", path), [this, &facts, last](const Reply& reply) {
    facts.modified = time_in(reply);
    if (!last) return;
    if (!reply) return fail(reply.error());
    decide();
  });
}

void Upload::decide() {
  if (aborted_) return fail({.kind = Failure::Kind::aborted, .text = "aborted"});
  const bool temporary = way_ == Way::temporary && at_temporary_.size.value_or(0) > 0;
  const Remote& there = temporary ? at_temporary_ : at_final_;
  if (there.size.value_or(0) == 0) return store();
  if (there.modified && local_.modified.tv_sec > there.modified->tv_sec) {
    note_ = "the file is newer than what the server has: begun anew";
  } else if (*there.size > local_.size) {
    note_ = "the file is shorter than what the server has: begun anew";
  } else {
    offset_ = *there.size;
    if (!temporary) way_ = Way::in_place;
  }
  if (offset_ == 0 || offset_ < local_.size) return store();
  if (way_ == Way::temporary) return name();
  nothing_to_do_ = true;
  finish();
}

void Upload::store() {
  storing_ = true;
  ftp::Content content;
  const int copy = file_ ? ::fcntl(file_.get(), F_DUPFD_CLOEXEC, 3) : -1;
  if (job_.instead) {
    content = std::move(job_.instead);
  } else if (copy < 0) {
    failure_ = local_failure(Error::last("dup"));
    return later_.start(Duration::zero());
  } else if (job_.type == Type::ascii) {
    content = std::make_unique<FileSource>(Fd(copy), true);
  } else {
    content = FileRange{Fd(copy), static_cast<std::int64_t>(offset_), local_.size - offset_};
  }
  const auto how = append_ ? ftp::Client::Store::append : ftp::Client::Store::replace;
  client_.store(target(), job_.type, how, append_ ? 0 : offset_, std::move(content),
                [this](const ftp::Answer<ftp::Transferred>& answer) { on_over(answer); });
}

const std::string& Upload::target() const {
  return way_ == Way::temporary ? temporary_ : job_.remote;
}

std::uint64_t Upload::done_bytes() const {
  return offset_ + (storing_ ? client_.bytes() : sent_);
}

void Upload::on_over(const ftp::Answer<ftp::Transferred>& answer) {
  storing_ = false;
  sent_ = answer ? answer->bytes : client_.bytes();
  if (!answer && offset_ > 0 && !append_ && refuses_rest(answer.error())) {
    // What has no REST has APPE mostly, which goes on at the end.
    append_ = true;
    sent_ = 0;
    return store();
  }
  if (!answer) return fail(answer.error());
  if (!unchanged()) {
    if (way_ == Way::temporary) client_.ask(concat("DELE ", temporary_), [](const auto&) {});
    return fail({.kind = Failure::Kind::local, .text = "it changed while it was read"});
  }
  name();
}

bool Upload::unchanged() const {
  if (!file_) return true;
  const auto now = files::file_info(file_.get(), "");
  return now && now->size == local_.size && now->modified.tv_sec == local_.modified.tv_sec &&
         now->modified.tv_nsec == local_.modified.tv_nsec;
}

/// The time before the name, so that whoever sees the name sees the time.
void Upload::name() {
  const bool renames = way_ == Way::temporary;
  const bool dates = file_ && job_.keep_time && !job_.append && client_.has_feature("MFMT");
  file_.reset();
  if (dates) {
    std::string command = "MFMT ";
    ftp::append_timestamp(command, local_.modified.tv_sec);
    client_.ask(concat(command, ' ', target()), [this, renames](const Reply& reply) {
      if (reply && !reply->positive()) note_ = concat("its time is not kept: ", reply->code);
      if (!renames) reply ? finish() : fail(reply.error());
    });
  }
  if (renames) {
    client_.ask(concat("RNFR ", temporary_), [this](const Reply& reply) {
      if (reply && !reply->intermediate()) refusal_ = concat(reply->code, ' ', reply->text());
    });
    client_.ask(concat("RNTO ", job_.remote), [this](const Reply& reply) { on_named(reply); });
  }
  if (!renames && !dates) return finish();
  if (stored_) stored_();
}

void Upload::on_named(const Reply& reply) {
  if (!reply) return fail(reply.error());
  if (reply->positive() && refusal_.empty()) return finish();
  if (refusal_.empty()) refusal_ = concat(reply->code, ' ', reply->text());
  fail({.kind = Failure::Kind::refused,
        .text = concat("all of it is there, but as ", temporary_,
                       ", since the server does not rename it (", refusal_,
                       "); --in-place stores it under its own name")});
}

void Upload::finish() {
  OnDone done = std::move(done_);
  const auto elapsed = std::chrono::steady_clock::now() - start_;
  const std::string_view name = last_component(job_.local);
  done(Transfer{printable(name), done_bytes(), total_, offset_, elapsed});
}

void Upload::fail(Failure failure) {
  OnDone done = std::move(done_);
  done(std::unexpected(std::move(failure)));
}

void Upload::abort() {
  aborted_ = true;
  client_.abort();
}

}  // namespace sluice::tools
