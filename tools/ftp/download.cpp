#include "tools/ftp/download.h"

#include "protocols/ftp/timestamp.h"
#include "reactor/text.h"
#include "tools/ftp/session.h"

namespace sluice::tools {
namespace {

using ftp::Failure;
using Type = ftp::Client::Type;

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<std::uint64_t> size_in(const ftp::Answer<ftp::ServerReply>& reply) {
  if (!reply || reply->code != 213) return std::nullopt;
  return parse_number<std::uint64_t>(trimmed(reply->text()));
}

std::optional<timespec> time_in(const ftp::Answer<ftp::ServerReply>& reply) {
  if (!reply || reply->code != 213) return std::nullopt;
  return ftp::parse_timestamp(trimmed(reply->text()));
}

Result<void> Download::Meter::write(std::span<const std::byte> bytes) {
  Download& d = owner_;
  if (d.size_ && bytes.size() > *d.size_ - std::min(*d.size_, d.offset_ + d.received_)) {
    d.too_much_ = true;
    return sluice::fail("write", EMSGSIZE);
  }
  auto written = d.job_.instead ? d.job_.instead->write(bytes) : d.target_.write(bytes);
  if (written) d.received_ += bytes.size();
  return written;
}

Download::Download(Reactor& reactor, ftp::Client& client, DownloadJob job, OnDone done)
    : client_(client),
      job_(std::move(job)),
      done_(std::move(done)),
      target_(job_.tree, job_.local, job_.part.empty() ? part_path(job_.local) : job_.part),
      modified_(job_.modified),
      later_(reactor.timer([this] { finish(); })) {
  if (job_.known && job_.type == Type::binary) size_ = job_.size;
}

void Download::start() {
  start_ = std::chrono::steady_clock::now();
  if (job_.instead) offset_ = job_.instead_from;
  if (!job_.known) ask_facts();
  // Only who goes on has to know how long the file is before RETR.
  if (job_.known || !job_.resume) decide();
}

void Download::ask_facts() {
  if (job_.type == Type::binary) {
    // Many servers refuse SIZE, or count otherwise, in TYPE A (RFC 3659 section 4).
    if (!client_.has_type(Type::binary)) client_.ask("TYPE I", [](const auto&) {});
    client_.ask(concat("SIZE ", job_.remote),
                [this](const ftp::Answer<ftp::ServerReply>& reply) { size_ = size_in(reply); });
  }
  if (!job_.resume && (job_.instead || !job_.keep_time)) return;
  client_.ask(concat("MDTM ", job_.remote), [this](const ftp::Answer<ftp::ServerReply>& reply) {
    modified_ = time_in(reply);
    if (!job_.resume) return;
    if (!reply) return fail(reply.error());
    decide();
  });
}

void Download::decide() {
  if (aborted_) return fail({.kind = Failure::Kind::aborted, .text = "aborted"});
  if (!job_.resume || job_.instead) return fetch();
  const auto part = target_.part_info();
  if (part && part->size > 0) return go_on_from(*part, false);
  const auto file = job_.resume_part_only ? std::nullopt : target_.file_info();
  if (file && file->size > 0) return go_on_from(*file, true);
  fetch();
}

void Download::go_on_from(const files::FileInfo& here, bool in_place) {
  if (modified_ && modified_->tv_sec > here.modified.tv_sec) {
    note_ = "the server's file is newer than what is here: begun anew";
  } else if (size_ && here.size > *size_) {
    note_ = "the server's file is shorter than what is here: begun anew";
  } else if (!size_ && in_place) {
    note_ = "the server does not tell the file's size: begun anew";
  } else {
    offset_ = here.size;
    target_.go_on_from(offset_, in_place);
  }
  nothing_to_do_ = size_ && offset_ == *size_ && note_.empty();
  nothing_to_do_ ? later_.start(Duration::zero()) : fetch();
}

void Download::fetch() {
  client_.retrieve(job_.remote, job_.type, offset_, meter_,
                   [this](const ftp::Answer<ftp::Transferred>& answer) { on_fetched(answer); });
}

void Download::on_fetched(const ftp::Answer<ftp::Transferred>& answer) {
  if (too_much_) {
    target_.discard();
    return fail({.kind = Failure::Kind::protocol,
                 .text = concat("the server sends more than the ", *size_,
                                " bytes that it said the file has")});
  }
  if (!answer && begin_anew_without_rest(answer.error())) return;
  if (!answer) {
    target_.keep(modified_);
    return fail(answer.error());
  }
  if (size_ && done_bytes() != *size_) {
    target_.keep(modified_);
    return fail({.kind = Failure::Kind::protocol,
                 .text = concat("the server said that the file has ", *size_, " bytes, and sent ",
                                done_bytes())});
  }
  finish();
}

bool Download::begin_anew_without_rest(const Failure& failure) {
  if (failure.kind != Failure::Kind::refused || offset_ == 0 || received_ > 0 || job_.instead) {
    return false;
  }
  note_ = concat("the server cannot go on in a file (", failure.sentence(), "): begun anew");
  offset_ = 0;
  target_.go_on_from(0, false);
  fetch();
  return true;
}

void Download::finish() {
  if (!job_.instead) {
    const auto kept = target_.commit(job_.keep_time ? modified_ : std::nullopt);
    if (!kept) {
      target_.keep(modified_);
      return fail({.kind = Failure::Kind::local, .error = kept.error()});
    }
  }
  OnDone done = std::move(done_);
  const auto elapsed = std::chrono::steady_clock::now() - start_;
  done(Transfer{printable(last_component(job_.remote)), done_bytes(), size_, offset_, elapsed});
}

void Download::fail(Failure failure) {
  if (failure.kind == Failure::Kind::local && failure.error.code == EWOULDBLOCK) {
    failure.text = "another program is fetching it";
    failure.error = {};
  }
  OnDone done = std::move(done_);
  done(std::unexpected(std::move(failure)));
}

void Download::abort() {
  aborted_ = true;
  client_.abort();
}

}  // namespace sluice::tools
