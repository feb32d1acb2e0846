// What makes an FtpSession busy: transfers, digests, listings over the control connection.

#include <sys/socket.h>

#include "protocols/ftp/ftp_service.h"
#include "protocols/ftp/ftp_session.h"
#include "protocols/ftp/reply.h"

namespace sluice::ftp {
namespace {

using Kind = TransferNote::Kind;

/// "1048576 bytes in 0.010 s (104.9 MB/s)"; MB are 10^6 bytes.
std::string amount(std::uint64_t bytes, Duration took) {
  const auto microseconds = std::max<std::int64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(took).count(), 1);
  const std::int64_t tenths =
      (static_cast<std::int64_t>(bytes) * 10 + microseconds / 2) / microseconds;
  return concat(bytes, " bytes in ", Decimal((microseconds + 500) / 1000, 3), " s (",
                Decimal(tenths, 1), " MB/s)");
}

int code_of(const Outcome& outcome) {
  if (outcome.end == Outcome::End::whole) return 226;
  if (outcome.end == Outcome::End::broken) return 426;
  const int code = outcome.error.code;
  return code == ENOSPC || code == EDQUOT || code == EFBIG ? 452 : 451;
}

}  // namespace

DataPort& FtpSession::data_port() {
  if (!data_port_) {
    const auto local = Address::local_of(stream().fd());  // without one, opening a port says why
    data_port_ = std::make_unique<DataPort>(service().reactor(), local.value_or(Address()), peer());
  }
  return *data_port_;
}

void FtpSession::begin_transfer(TransferNote note, std::string_view announcement,
                                Transfer::Job job) {
  set_busy(Busy::transfer);
  note_ = std::move(note);
  note_.began = Clock().now();
  transfer_ =
      std::make_unique<Transfer>(service().reactor(), ftp().transfer_options(), std::move(job),
                                 [this](Outcome outcome) { transfer_ended(outcome); });
  transfer_->whole_only_if([this] { return control_stands(); });
  reply(150, announcement);
  auto socket = data_port_->connect(ftp().ftp_options().stall,
                                    [this](Result<Fd> result) { connected(std::move(result)); });
  if (socket) connected(std::move(*socket));
}

/// Whether the client still holds the control connection; one that it ended early, behind a QUIT
/// that waits, is known by now.
bool FtpSession::control_stands() {
  char next;
  if (eof_) return true;
  const ssize_t size = ::recv(stream().fd(), &next, 1, MSG_PEEK | MSG_DONTWAIT);
  return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

void FtpSession::connected(Result<Fd> socket) {
  if (socket) return transfer_->start(std::move(*socket));
  log(LogLevel::warning, "no data connection: ", socket.error().message());
  abandon_transfer();
  reply(425, concat("No data connection: ", std::strerror(socket.error().code), '.'));
  set_idle();
}

void FtpSession::transfer_ended(Outcome outcome) {
  log_transfer(outcome);
  const std::uint64_t bytes = transfer_->bytes();
  if (outcome.end == Outcome::End::whole) {
    service().reactor().retire(std::move(transfer_));
  } else {
    abandon_transfer();
  }
  const int code = code_of(outcome);
  const std::string done = amount(bytes, Clock().now() - note_.began);
  if (code == 226) {
    reply(code, concat("Transfer complete: ", done, '.'));
  } else {
    reply(code, concat("Transfer broken: ", std::strerror(outcome.error.code), "; ", done, '.'));
  }
  set_idle();
}

void FtpSession::log_transfer(const Outcome& outcome) {
  const std::uint64_t bytes = transfer_->bytes();
  const Duration took = Clock().now() - note_.began;
  (transfer_->upload() ? service().count().bytes_in : service().count().bytes_out) += bytes;
  const bool whole = outcome.end == Outcome::End::whole;
  if (note_.kind == Kind::listing) {
    return log(whole ? LogLevel::debug : LogLevel::info, user(), " listed ", note_.path, ", ",
               amount(bytes, took), whole ? "" : ", broken");
  }
  if (whole) {
    log(LogLevel::info, user(), note_.kind == Kind::store ? " stored " : " sent ", note_.path, ", ",
        amount(bytes, took));
  } else {
    log(LogLevel::warning, user(), " broke off ", note_.path, ", ", amount(bytes, took), ": ",
        outcome.error.message());
  }
  ftp().transfer_log().write({.took = took,
                              .peer = peer(),
                              .bytes = bytes,
                              .path = note_.path,
                              .user = user(),
                              .ascii = note_.ascii,
                              .upload = note_.kind == Kind::store,
                              .anonymous = account().anonymous,
                              .complete = whole});
}

/// Without a reply.
void FtpSession::drop_transfer() {
  if (data_port_) data_port_->close();
  if (!transfer_) return;
  transfer_->abort();
  log_transfer({Outcome::End::broken, {ECONNABORTED, "transfer"}});
  abandon_transfer();
}

void FtpSession::abandon_transfer() {
  if (Upload* upload = transfer_->upload()) upload->abandon(tree(), note_.path);
  service().reactor().retire(std::move(transfer_));
}

void FtpSession::abort_work() {
  if (busy_ == Busy::transfer) {
    drop_transfer();
    reply(426, "Transfer aborted.");
  } else if (busy_ == Busy::hash) {
    hash_.reset();
    reply(426, "Digest aborted.");
  } else if (data_port_) {
    data_port_->close();
  }
  reply(226, "Nothing is under way now.");
  set_idle();
}

void FtpSession::begin_hash(Fd file, std::uint64_t begin, std::uint64_t end, files::DigestKind kind,
                            HashReply form) {
  set_busy(Busy::hash);
  hash_ = std::make_unique<HashJob>(
      service().reactor(), std::move(file), begin, end, kind,
      [this, form = std::make_unique<HashReply>(std::move(form))](Result<std::string> digest) {
        const auto job = std::move(hash_);
        if (digest) {
          reply(form->code, concat(form->before, *digest, form->after));
        } else {
          reply(451, concat("Digest broken: ", std::strerror(digest.error().code), '.'));
        }
        set_idle();
      });
}

void FtpSession::begin_listing(std::unique_ptr<Source> source, std::string last) {
  set_busy(Busy::listing);
  send_held_replies();  // the lines go past them
  held_replies_ = nullptr;
  listing_ = std::make_unique<SourcePump>(
      stream(), std::move(source),
      [this, end = std::make_unique<std::string>(std::move(last))](Error error) {
        const auto pump = std::move(listing_);
        write(error ? ftp::reply(213, concat("Broken off: ", std::strerror(error.code))) : *end);
        set_idle();
      });
  listing_->start();
}

std::string FtpSession::status() const {
  std::string text = concat("Connected from ", peer(), "\n");
  text += login_.done() ? concat("Logged in as ", safe_name(user()), "\n") : "Not logged in\n";
  text += concat("TYPE ", settings_.ascii ? "A" : "I", ", STRU F, MODE S\n");
  if (busy_ != Busy::transfer) return text;
  const auto size = transfer_->size();
  text += concat("Transfer of ", safe_name(note_.path), " under way: ", transfer_->bytes(),
                 size ? concat(" of ", *size) : "", " bytes\n");
  return text;
}

}  // namespace sluice::ftp
