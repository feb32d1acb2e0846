#include "protocols/drop/drop_session.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "protocols/files/name.h"
#include "reactor/printable.h"

namespace sluice::drop {
namespace {

constexpr auto kProgressPeriod = std::chrono::seconds(5);

bool disk_is_full(int code) {
  return code == ENOSPC || code == EDQUOT || code == EFBIG;
}

}  // namespace

DropSession::DropSession(DropService& service, Fd socket, const Address& peer)
    : Session(service, std::move(socket), peer) {
  begin_progress();
}

DropService& DropSession::drop() const {
  return static_cast<DropService&>(service());
}

void DropSession::on_data(Stream& stream, std::span<const std::byte> bytes) noexcept {
  service().count().bytes_in += bytes.size();
  last_data_ = stream.reactor().now();
  take_all(bytes);
}

void DropSession::take_all(std::span<const std::byte> bytes) {
  while (!bytes.empty() && step_ != Step::over) {
    if (step_ == Step::prefix) {
      waiting_.assign(bytes.begin(), bytes.end());
      return stream().pause_reading();
    }
    bytes = bytes.subspan(take(bytes));
  }
}

std::size_t DropSession::take(std::span<const std::byte> bytes) {
  switch (step_) {
    case Step::detecting:
      return detect(bytes);
    case Step::raw:
      return take_raw(bytes);
    case Step::header:
      return take_header(bytes);
    case Step::body:
      return take_body(bytes);
    case Step::digest:
      return take_digest(bytes);
    case Step::prefix:
    case Step::over:
      break;
  }
  return bytes.size();
}

std::size_t DropSession::detect(std::span<const std::byte> bytes) {
  const std::size_t taken = kind_.feed(bytes);
  if (kind_.kind() == Kind::raw) {
    begin_raw();
  } else if (kind_.kind() == Kind::framed) {
    step_ = Step::header;
    header_.feed(kind_.held());
  }
  return taken;
}

void DropSession::on_eof(Stream& stream) noexcept {
  if (step_ == Step::detecting && !kind_.held().empty()) {
    kind_.end();
    begin_raw();
  }
  if (step_ == Step::raw) {
    end_raw();
  } else if (file_) {
    log(LogLevel::warning, header_.header().name, ": closed by peer after ", file_->size(), " of ",
        header_.header().size, " bytes, kept for a resume");
  }
  let_go_of_upload();
  stream.close();
}

void DropSession::on_closed(Stream& stream, Error error) noexcept {
  if (file_ && step_ == Step::raw) {
    log(LogLevel::warning, "upload broken after ", file_->size(), " bytes, nothing stored");
  }
  let_go_of_upload();
  Session::on_closed(stream, error);
}

void DropSession::drain() noexcept {
  const bool between_files = step_ == Step::header && !file_;
  if (step_ == Step::detecting || between_files) stream().close();
}

void DropSession::let_go_of_upload() {
  slice_.stop();
  file_.reset();  // a raw one goes, a framed one stays for a resume
  if (number_) drop().release_number(*std::exchange(number_, std::nullopt));
  if (std::exchange(claimed_, false)) drop().release(header_.header().id);
}

void DropSession::give_way() {
  log(LogLevel::info, "silent, gives way to a new connection with the same upload");
  step_ = Step::over;
  let_go_of_upload();
  abort();
}

// --- raw -----------------------------------------------------------------------------------------

void DropSession::begin_raw() {
  step_ = Step::raw;
  begin_progress();
  auto file = files::NewFile::create(drop().directory());
  if (!file) return fail_raw(file.error());
  file_ = std::move(*file);
  number_ = drop().reserve_number();
  take_raw(kind_.held());
}

std::size_t DropSession::take_raw(std::span<const std::byte> bytes) {
  if (file_->size() + bytes.size() > drop().drop_options().max_size) {
    fail_raw({EFBIG, "upload"});
  } else if (auto written = file_->write(bytes); !written) {
    fail_raw(written.error());
  } else {
    log_progress(raw_name(*number_));
  }
  return bytes.size();
}

void DropSession::end_raw() {
  if (drop().drop_options().sync) {
    if (auto synced = file_->sync(); !synced) return fail_raw(synced.error());
  }
  auto committed = file_->commit(raw_name(*number_), false);
  while (!committed &&
         committed.error().code == EEXIST) {  // somebody else has made one of that name
    drop().release_number(*number_);
    number_ = drop().reserve_number();
    committed = file_->commit(raw_name(*number_), false);
  }
  if (!committed) return fail_raw(committed.error());
  if (drop().drop_options().sync) (void)drop().directory().sync();
  stored_ = true;
  log(LogLevel::info, "stored ", raw_name(*number_), ", ", summary());
  step_ = Step::over;
}

/// There is no reply in this form; a sentence is the best that can be done for who looks.
void DropSession::fail_raw(Error error) {
  log(LogLevel::error, "upload refused: ", error.message());
  failed();
  step_ = Step::over;
  let_go_of_upload();
  stream().write(concat("error: ", error.message(), "\n"));
  stream().close();
}

// --- framed --------------------------------------------------------------------------------------

std::size_t DropSession::take_header(std::span<const std::byte> bytes) {
  const Fed fed = header_.feed(bytes);
  if (fed.progress == Progress::bad) {
    refuse(header_.why());
  } else if (fed.progress == Progress::done) {
    begin_upload();
  }
  return fed.taken;
}

void DropSession::begin_upload() {
  std::string why;
  if (const Status status = open_upload(why); status != Status::go_on) return refuse(status, why);
  begin_progress();
  sha_ = files::Sha256();
  hashed_ = 0;
  digest_.clear();
  reply(Status::go_on);
  if (began_at_ == 0) return end_prefix();
  step_ = Step::prefix;
  slice_ = stream().reactor().timer([this] { hash_prefix(); });
  slice_.start(Duration::zero());
}

/// Everything that can be said against an upload before its first byte.
Status DropSession::open_upload(std::string& why) {
  const Header& header = header_.header();
  const files::Directory& directory = drop().directory();
  if (drop().draining()) return Status::shutting_down;
  if (auto named = files::check_name(header.name, drop().drop_options().allow_hidden); !named) {
    why = named.error().operation;
    return Status::bad_name;
  }
  if (header.size > drop().drop_options().max_size) return Status::too_large;
  if (!header.may_replace() && directory.exists(header.name)) return Status::exists;
  if (!drop().claim(header.id, *this)) return Status::busy;
  claimed_ = true;
  auto file = files::NewFile::resume(directory, header.id);
  if (!file) {
    if (file.error().code == EWOULDBLOCK) return Status::busy;
    why = file.error().message();
    return status_of(file.error().code);
  }
  file_ = std::move(*file);
  if (file_->size() > header.size) {
    if (auto cut = file_->truncate(0); !cut) return status_of(cut.error().code);
  }
  if (auto free = directory.free_bytes(); free && *free < header.size - file_->size()) {
    why = concat("the file needs ", header.size - file_->size(), " bytes, ", *free, " are free");
    return Status::disk_full;
  }
  return Status::go_on;
}

void DropSession::hash_prefix() {
  const auto buffer = stream().reactor().read_buffer();
  const auto slice = buffer.first(
      static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), began_at_ - hashed_)));
  const ssize_t size = pread(file_->fd(), slice.data(), slice.size(), static_cast<off_t>(hashed_));
  if (size < 0 && errno == EINTR) return slice_.start(Duration::zero());
  if (size <= 0) return refuse(Status::io_error, "what was stored cannot be read back");
  sha_.update(slice.first(static_cast<std::size_t>(size)));
  hashed_ += static_cast<std::uint64_t>(size);
  last_data_ = stream().reactor().now();
  if (hashed_ < began_at_) return slice_.start(Duration::zero());
  end_prefix();
  const std::vector<std::byte> waiting = std::exchange(waiting_, {});
  stream().resume_reading();
  take_all(waiting);
}

void DropSession::end_prefix() {
  step_ = Step::body;
  after_body();
}

std::size_t DropSession::take_body(std::span<const std::byte> bytes) {
  const std::uint64_t missing = header_.header().size - file_->size();
  bytes = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), missing)));
  if (auto written = file_->write(bytes); !written) {
    // What cannot be finished must not keep a full disk full.
    if (disk_is_full(written.error().code)) file_->discard();
    refuse(status_of(written.error().code), written.error().message());
    return bytes.size();
  }
  sha_.update(bytes);
  log_progress(header_.header().name);
  after_body();
  return bytes.size();
}

void DropSession::after_body() {
  if (file_->size() == header_.header().size) step_ = Step::digest;
}

std::size_t DropSession::take_digest(std::span<const std::byte> bytes) {
  bytes = bytes.first(std::min(bytes.size(), kDigestBytes - digest_.size()));
  digest_.insert(digest_.end(), bytes.begin(), bytes.end());
  if (digest_.size() == kDigestBytes) finish_upload();
  return bytes.size();
}

void DropSession::finish_upload() {
  if (!std::ranges::equal(digest_, sha_.finish())) {
    file_->discard();
    return refuse(Status::bad_digest);
  }
  const Header& header = header_.header();
  const bool sync = drop().drop_options().sync;
  Result<void> done = sync ? file_->sync() : Result<void>{};
  if (done) done = file_->commit(header.name, header.may_replace());
  if (!done) {
    const bool taken = done.error().code == EEXIST;
    return refuse(taken ? Status::exists : status_of(done.error().code), done.error().message());
  }
  if (sync) (void)drop().directory().sync();
  stored_ = true;
  log(LogLevel::info, "stored ", header.name, ", ", summary());
  reply(Status::go_on);
  let_go_of_upload();
  header_.reset();
  step_ = Step::header;
  if (drop().draining()) stream().close();
}

void DropSession::reply(Status status, std::string_view message) {
  Reply reply{.status = status, .message = std::string(message)};
  if (status == Status::go_on) reply.offset = file_->size();
  const auto bytes = encode(reply);
  service().count().bytes_out += bytes.size();
  stream().write(bytes);
}

void DropSession::refuse(Status status, std::string_view message) {
  const std::string why =
      message.empty() ? std::string(sentence(status)) : concat(sentence(status), ": ", message);
  log(LogLevel::warning, header_.header().name, " refused: ", why);
  failed();
  step_ = Step::over;
  let_go_of_upload();  // before the client can hear of it and try again
  reply(status, why);
  stream().close();
}

// --- progress ------------------------------------------------------------------------------------

void DropSession::begin_progress() {
  began_ = last_data_ = last_logged_ = stream().reactor().now();
  began_at_ = file_ ? file_->size() : 0;
}

void DropSession::log_progress(std::string_view name) {
  if (last_data_ - last_logged_ < kProgressPeriod) return;
  last_logged_ = last_data_;
  log(LogLevel::info, name, ": ", summary(), " so far");
}

/// "1048576 bytes at 12.5 MB/s"; without the rate where the time was too short to tell.
std::string DropSession::summary() const {
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(last_data_ - began_);
  std::string text = concat(file_->size(), " bytes");
  if (took < std::chrono::milliseconds(10)) return text;
  const std::uint64_t tenths =
      (file_->size() - began_at_) * 10 / static_cast<std::uint64_t>(took.count());
  return text + concat(" at ", tenths / 10, '.', tenths % 10, " MB/s");
}

}  // namespace sluice::drop
