#include "protocols/ftp/client_data.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

namespace sluice::ftp {
namespace {

/// What the peer has not acknowledged (tcp(7), SIOCOUTQ).
int unacknowledged(int socket) {
  int bytes = 0;
  return ::ioctl(socket, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

}  // namespace

void ClientData::receive(Fd socket, ByteSink& sink, bool ascii) {
  sink_ = &sink;
  if (ascii) text_.emplace();
  stream_.emplace(*reactor_, std::move(socket), *this, *options_);
}

void ClientData::send(Fd socket, Content content) {
  stream_.emplace(*reactor_, std::move(socket), *this, *options_);
  if (auto* range = std::get_if<FileRange>(&content)) {
    moved_ = range->size;
    if (range->size > 0) stream_->write(std::move(*range));
    if (stream_->drained() && stream_->can_write()) sent_all();
    return;
  }
  auto& source = std::get<std::unique_ptr<Source>>(content);
  pump_.emplace(*stream_, std::move(source),
                [this](Error error) { error ? end(End::local, error) : sent_all(); });
  pump_->start();
}

void ClientData::abort() {
  on_end_.reset();
  if (pump_) pump_->stop();
  if (stream_) stream_->abort();
}

std::uint64_t ClientData::bytes() const {
  if (pump_) return pump_->sent();
  return sink_ || !stream_ ? moved_ : moved_ - stream_->unsent();
}

/// A buffer of megabytes takes a slow network minutes.
bool ClientData::arriving() {
  if (!stream_->open()) return false;
  const int before = std::exchange(on_its_way_, unacknowledged(stream_->fd()));
  return on_its_way_ < before;
}

Result<void> ClientData::keep(std::span<const std::byte> bytes) {
  if (!text_) return sink_->write(bytes);
  converted_.clear();
  text_->convert(bytes, converted_);
  return sink_->write(converted_);
}

void ClientData::on_data(Stream&, std::span<const std::byte> bytes) noexcept {
  if (!sink_) return;  // a server has nothing to say on the connection of an upload
  moved_ += bytes.size();
  if (const auto kept = keep(bytes); !kept) end(End::local, kept.error());
}

void ClientData::on_eof(Stream&) noexcept {
  if (!sink_) return;
  if (text_) {
    converted_.clear();
    text_->finish(converted_);
    if (const auto kept = sink_->write(converted_); !kept) return end(End::local, kept.error());
  }
  end(End::whole);
}

void ClientData::on_drained(Stream&) noexcept {
  if (sink_) return;
  pump_ ? pump_->on_drained() : sent_all();
}

void ClientData::on_closed(Stream&, Error error) noexcept {
  if (!sink_ && !error) return;  // both ends have said FIN, as they should
  // A file that ends before its time is our failure (Stream); all else is the network's.
  end(error.code == EIO ? End::local : End::broken,
      error ? error : Error{ECONNRESET, "data connection"});
}

/// The FIN tells that it is whole. The connection stays, to see whether a reset comes instead of
/// the server's reply.
void ClientData::sent_all() {
  stream_->shutdown_write();
  on_its_way_ = unacknowledged(stream_->fd());
  if (on_end_) on_end_(End::whole, {});
}

void ClientData::end(End how, Error error) {
  if (pump_) pump_->stop();
  if (stream_) stream_->abort(how != End::whole);
  if (!on_end_) return;
  OnEnd call = std::move(on_end_);
  call(how, error);
}

}  // namespace sluice::ftp
