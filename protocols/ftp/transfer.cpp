#include "protocols/ftp/transfer.h"

#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>

#include "protocols/ftp/limits.h"

namespace sluice::ftp {
namespace {

/// What the client has sent where it is to receive is taken out: with it unread, close(2) would
/// reset the connection, and what is still on its way would be lost. An error is that it is lost
/// already: ECONNRESET.
Error discard_unread(int socket) {
  ssize_t got;
  for (std::size_t all = 0; all < limits::kDiscardBytes; all += static_cast<std::size_t>(got)) {
    got = ::recv(socket, nullptr, limits::kDiscardBytes, MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0 && errno != EAGAIN && errno != EINTR) return Error::last("recv");
    if (got <= 0) break;
  }
  return {};
}

}  // namespace

Transfer::Transfer(Reactor& reactor, const Options& options, Job job, OnEnd on_end)
    : reactor_(&reactor), options_(&options), job_(std::move(job)), on_end_(std::move(on_end)) {
  if (const FileRange* range = std::get_if<FileRange>(&job_)) size_ = range->size;
}

/// What the socket takes at once needs no registration: a small file is gone with this one call.
bool Transfer::send_at_once(int socket, FileRange& range) {
  off_t offset = range.offset;
  const auto wanted = std::min<std::uint64_t>(range.size, limits::kAtOnceBytes);
  const ssize_t sent = ::sendfile(socket, range.file.get(), &offset, wanted);
  if (sent <= 0) return range.size == 0;  // the Stream finds out why
  moved_ = static_cast<std::uint64_t>(sent);
  range.offset = offset;
  range.size -= moved_;
  return range.size == 0;
}

void Transfer::start(Fd socket) {
  FileRange* range = std::get_if<FileRange>(&job_);
  if (range && send_at_once(socket.get(), *range)) {
    const Error lost = discard_unread(socket.get());
    socket.reset();
    return end({lost ? Outcome::End::broken : Outcome::End::whole, lost});
  }
  stream_.emplace(*reactor_, std::move(socket), *this, options_->stream);
  if (range) {
    if (!stream_->can_write()) return;
    moved_ = *size_;
    stream_->write(std::move(*range));
    if (stream_->drained() && stream_->can_write()) end({});
  } else if (auto* source = std::get_if<std::unique_ptr<Source>>(&job_)) {
    pump_.emplace(*stream_, std::move(*source), [this](Error error) {
      end({error ? Outcome::End::failed : Outcome::End::whole, error});
    });
    pump_->start();
  }
}

void Transfer::abort() {
  on_end_.reset();
  if (pump_) pump_->stop();
  if (stream_) stream_->abort();
}

std::uint64_t Transfer::bytes() const {
  if (pump_) return pump_->sent();
  return moved_ - (stream_ ? stream_->unsent() : 0);
}

void Transfer::on_data(Stream&, std::span<const std::byte> bytes) noexcept {
  if (!upload()) return;  // nobody asked the client to say anything here
  take(bytes);
}

/// Most clients read no reply before they have sent all, and a reset would be all they hear of a
/// full disk. So what cannot be stored is taken still, within a bound.
void Transfer::take(std::span<const std::byte> bytes) {
  if (refused_) {
    passed_over_ += bytes.size();
    if (passed_over_ > limits::kPassOverBytes) end({Outcome::End::failed, refused_});
    return;
  }
  moved_ += bytes.size();
  if (const auto written = upload()->write(bytes); !written) refused_ = written.error();
}

void Transfer::on_eof(Stream&) noexcept {
  if (!upload()) return;  // it has nothing to say, but still listens
  if (refused_) return end({Outcome::End::failed, refused_});
  if (holds_ && !holds_()) return end({Outcome::End::broken, {ECONNABORTED, "control connection"}});
  const auto finished = upload()->finish(options_->sync);
  end({finished ? Outcome::End::whole : Outcome::End::failed,
       finished ? Error() : finished.error()});
}

void Transfer::on_drained(Stream&) noexcept {
  pump_ ? pump_->on_drained() : end({});
}

void Transfer::on_closed(Stream&, Error error) noexcept {
  if (refused_) return end({Outcome::End::failed, refused_});
  // A file that ends before its time is our failure; the rest is the network's or the client's.
  end({error.code == EIO ? Outcome::End::failed : Outcome::End::broken, error});
}

/// All that was given to the kernel arrives, FIN last; there is no linger, as a client sends
/// nothing on the connection that it reads from, and to wait for its close would make it wait for
/// us.
void Transfer::end(Outcome outcome) {
  if (pump_) pump_->stop();
  if (stream_ && outcome.end == Outcome::End::whole && !upload()) {
    const Error lost = discard_unread(stream_->fd());
    if (lost) outcome = {Outcome::End::broken, lost};
  }
  if (stream_) stream_->abort(outcome.end != Outcome::End::whole);
  if (!on_end_) return;
  OnEnd call = std::move(on_end_);
  call(outcome);
}

}  // namespace sluice::ftp
